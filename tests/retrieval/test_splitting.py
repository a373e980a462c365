from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import ConfigError
from cascade.retrieval import Document, Passage, paragraphs, sentence_splitter, split

WORDS = ["ferry", "🎾", "été", "a", "x1"]
sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(lambda words: " ".join(words) + ".")
gaps = st.sampled_from([" ", "\r\n", "\n\n", "\r\n\r\n", "  \n \n "])
texts = st.lists(st.tuples(sentences, gaps), max_size=12).map(lambda pairs: "".join(map("".join, pairs)))


def at_stops(text: str) -> Iterable[tuple[int, int]]:
    """A sentence ends with a full stop."""
    return [match.span() for match in re.finditer(r"[^.]+\.?", text)]


def document(text: str) -> Document:
    return Document.from_text(text, id="d", source="d.txt", metadata={"year": 1999})


def spans(passages: list[Passage]) -> list[tuple[int, int]]:
    return [passage.origin(0, len(passage.text)) for passage in passages]


def cut(text: str, words: int, overlap: int = 0) -> list[str]:
    return [passage.text for passage in split(document(text), at_stops, words=words, overlap=overlap)]


@given(texts, st.integers(1, 25), st.integers(0, 3))
def test_passages_hold_every_word_and_no_more_than_they_may(text: str, words: int, overlap: int) -> None:
    passages = list(split(document(text), at_stops, words=words, overlap=overlap))
    places = spans(passages)
    assert [text[start:end] for start, end in places] == [passage.text for passage in passages]
    for passage in passages:
        assert passage.text == passage.text.strip() != ""
        assert len(passage.text.split()) <= words
    for (start, end), (next_start, next_end) in pairwise(places):
        assert start < next_start
        assert end < next_end
        assert not text[end:next_start].strip()
    assert bool(passages) == bool(text.strip())
    if passages:
        assert not text[: places[0][0]].strip()
        assert not text[places[-1][1] :].strip()


@given(texts, st.integers(9, 25), st.integers(0, 3))
def test_sentences_that_fit_are_whole_and_overlap_as_told(text: str, words: int, overlap: int) -> None:
    places = spans(list(split(document(text), at_stops, words=words, overlap=overlap)))
    starts = [match.start() for match in re.finditer(r"[^.\s][^.]*\.", text)]
    ends = [match.end() for match in re.finditer(r"\.", text)]
    assert all(start in starts and end in ends for start, end in places)
    for (_, end), (start, _) in pairwise(places):
        assert sum(start <= place < end for place in starts) <= overlap


@given(texts, st.integers(9, 25))
def test_a_passage_is_as_full_as_it_can_be(text: str, words: int) -> None:
    """Another way to pack: sentence by sentence, without a word list."""
    found = [text[start:end].strip() for start, end in at_stops(text) if text[start:end].strip()]
    after = [match.group(1).count("\n") > 1 for match in re.finditer(r"\.(\s*)", text)]
    expected: list[int] = []
    first = 0
    while first < len(found):
        fits = [k for k in range(first + 1, len(found) + 1) if len(" ".join(found[first:k]).split()) <= words]
        full = [k for k in fits if after[k - 1] and 2 * len(" ".join(found[first:k]).split()) >= words]
        last = fits[-1] if fits[-1] == len(found) or not full else full[-1]
        expected.append(last - first)
        first = last
    assert [len(list(at_stops(passage))) for passage in cut(text, words)] == expected


def test_overlap() -> None:
    text = "One two. Three. Four five. Six."
    assert cut(text, words=4, overlap=1) == ["One two. Three.", "Three. Four five. Six."]
    assert cut(text, words=4, overlap=2) == ["One two. Three.", "Three. Four five. Six."]
    assert cut(text, words=3, overlap=1) == ["One two. Three.", "Three. Four five.", "Four five. Six."]
    assert cut(text, words=2, overlap=1) == ["One two.", "Three.", "Four five.", "Six."]


def test_a_paragraph_ends_a_passage_that_is_half_full() -> None:
    assert cut("a b. c.\n\nd. e f g h.", words=5) == ["a b. c.", "d. e f g h."]
    assert cut("a b.\n\nc. d. e f g h.", words=5) == ["a b.\n\nc. d.", "e f g h."]


def test_a_long_sentence_is_cut_and_the_pieces_overlap() -> None:
    assert cut("a b c d e f g.", words=4) == ["a b c d", "e f g."]
    assert cut("a b c d e f g.", words=4, overlap=1) == ["a b c d", "c d e f", "e f g."]


def test_a_heading_is_no_part_of_the_next_sentence() -> None:
    assert cut("The ferry\n\nIt sails. It stops.", words=5) == ["The ferry\n\nIt sails.", "It stops."]


def test_scripts_without_spaces_and_long_strings_are_cut() -> None:
    text = "渡船每天两次穿过港口" * 100
    passages = cut(text, words=60)
    assert "".join(passages) == text
    assert max(map(len, passages)) == 120
    assert max(map(len, cut("x" * 5000, words=10))) == 500


def test_sentences_without_spaces_between_them() -> None:
    def stops(text: str) -> Iterable[tuple[int, int]]:
        return [match.span() for match in re.finditer("[^。]*。", text)]

    passages = split(document("船来了。船走了吗。走了。"), stops, words=4, overlap=0)
    assert [passage.text for passage in passages] == ["船来了。", "船走了吗。", "走了。"]


def test_paragraphs_as_units() -> None:
    text = "a. b.\n\nc d e.\n\nf."
    passages = split(document(text), paragraphs, words=4, overlap=0)
    assert [passage.text for passage in passages] == ["a. b.", "c d e.\n\nf."]


def test_what_a_passage_carries() -> None:
    first, second = split(document("One. Two. "), at_stops, words=1, overlap=1)
    assert (first.id, second.id) == ("d#0", "d#1")
    assert (second.document, second.source, second.page) == ("d", "d.txt", None)
    assert second.metadata == {"year": 1999}
    assert second.text == "Two."
    assert second.origin(0, 3) == (5, 8)
    assert second.page_at(0) is None


def test_spacy_finds_the_sentences() -> None:
    text = "Dr. Vane sails at noon. Mr. Ode stays."
    passages = split(document(text), sentence_splitter("en"), words=5)
    assert [passage.text for passage in passages] == ["Dr. Vane sails at noon.", "Mr. Ode stays."]


def test_sentences_outside_the_text_are_passed_over() -> None:
    passages = split(document("a b c d"), lambda _: [(-3, 0), (4, 7), (9, 12)], words=2, overlap=0)
    assert [passage.text for passage in passages] == ["a b", "c d"]


@pytest.mark.parametrize("text", ["", " \r\n\f "])
def test_no_words_no_passages(text: str) -> None:
    assert cut(text, words=5) == []


@pytest.mark.parametrize(("words", "overlap"), [(0, 1), (5, -1)])
def test_settings_that_make_no_sense(words: int, overlap: int) -> None:
    with pytest.raises(ConfigError, match="expected 1 or more words"):
        cut("a", words=words, overlap=overlap)
