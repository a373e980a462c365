from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.docs import Offsets, Passage, passage_of, word_spans, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The lamp, lit.", ["The", "lamp", ",", "lit", "."]),
        ("U.S.A's 1,000.50", ["U", ".", "S", ".", "A", "'", "s", "1", ",", "000", ".", "50"]),
        ("naïve cafe\u0301 Ærø", ["naïve", "cafe\u0301", "Ærø"]),
        ("渡辺さんがNHKで", [*"渡辺さんが", "NHK", "で"]),
        ("𠀀x𝒜🎾y", ["𠀀", "x𝒜", "🎾", "y"]),
        ("snake_case (x)", ["snake", "_", "case", "(", "x", ")"]),
        (" \n\t", []),
        ("", []),
    ],
)
def test_words_by_hand(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("ab .,'\n渡さ\u0301🎾"), max_size=40))
def test_words_cover_all_that_is_no_white_space_and_do_not_overlap(text: str) -> None:
    spans = word_spans(text)
    assert [text[first:last] for first, last in spans] == words_of(text)
    assert all(first < last for first, last in spans)
    assert all(one[1] <= other[0] for one, other in zip(spans, spans[1:], strict=False))
    rest = list(text)
    for first, last in spans:
        assert not any(c.isspace() for c in text[first:last])
        rest[first:last] = " " * (last - first)
    assert "".join(rest).isspace() or not text


def test_a_passage_as_plain_values() -> None:
    passage = Passage(
        id="d#1",
        document="d",
        text="one\ftwo",
        source="d.pdf",
        offsets=Offsets((0, 3, 7), (10, 20), (13, 24)),
        page=2,
        metadata={"title": "T", "year": 1999, "free": True},
        place="/home/d.pdf",
    )
    plain = json.loads(json.dumps(passage.to_json()))
    assert Passage.from_json(plain) == passage
    del plain["place"]
    assert Passage.from_json(plain) == replace(passage, place=None), "as older versions have written it"
    assert passage.origin(1, 5) == (11, 22)
    assert [passage.page_at(start) for start in (0, 3, 4)] == [2, 2, 3]
    with pytest.raises(IndexError):
        passage.origin(0, 8)


def test_a_text_as_a_passage() -> None:
    passage = passage_of("text", id="p")
    assert (passage.id, passage.document, passage.source) == ("p", "p", "p")
    assert passage_of("text", source="s").source == "s"
    assert passage.origin(1, 3) == (1, 3)
    assert passage.page_at(2) is None
