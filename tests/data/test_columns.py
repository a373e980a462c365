from __future__ import annotations

from pathlib import Path

import pytest
from spacy.vocab import Vocab

from cascade.data import read_columns
from cascade.errors import ConfigError, DataError

CHUNKS = """\
The DT B-NP
cost NN I-NP
of IN B-PP
# # B-NP
5 CD I-NP
rose VBD B-VP
. . O

Fine UH B-INTJ
"""

ENTITIES = "Ada\tB-PER\n\U0001f600\tO\nin\tO\nNew\tB-LOC\nYork\tI-LOC\n\t\nHi\tO\n"

NUMBERED = """\
# newdoc id = d1
# sent_id = d1-1
# text = Ada's Acme
1\tAda\tB-PER\t-\tann
2\t's\tO\t-\t-
3\tAcme\tB-ORG\t-\tann
"""


def stored(folder: Path, text: str) -> Path:
    path = folder / "columns.txt"
    path.write_text(text, encoding="utf-8")
    return path


def segments(spans) -> list[tuple[str, str]]:
    return [(span.label_, span.text) for span in spans]


def test_chunks(tmp_path: Path) -> None:
    first, second = read_columns(stored(tmp_path, CHUNKS), vocab=Vocab())
    assert [token.text for token in first] == ["The", "cost", "of", "#", "5", "rose", "."]
    assert segments(first.spans["chunks"]) == [("NP", "The cost"), ("PP", "of"), ("NP", "# 5"), ("VP", "rose")]
    assert [token.is_sent_start for token in first] == [True, *[False] * 6]
    assert segments(second.spans["chunks"]) == [("INTJ", "Fine")]
    assert not first.has_annotation("TAG"), "automatic tags are no gold"
    assert not first.has_annotation("ENT_IOB")


def test_tags_are_read_from_the_named_column(tmp_path: Path) -> None:
    first, _ = read_columns(stored(tmp_path, CHUNKS), vocab=Vocab(), tag=1)
    assert [token.tag_ for token in first] == ["DT", "NN", "IN", "#", "CD", "VBD", "."]


def test_sentences_of_one_doc_keep_their_starts_and_chunks(tmp_path: Path) -> None:
    (doc,) = read_columns(stored(tmp_path, "a I-NP\n\nb I-NP\n\nc O\n"), vocab=Vocab(), sentences=3)
    assert [token.is_sent_start for token in doc] == [True, True, True]
    assert segments(doc.spans["chunks"]) == [("NP", "a"), ("NP", "b")], "a chunk ends with its sentence"


def test_file_without_chunks_differs_from_one_without_annotation(tmp_path: Path) -> None:
    path = stored(tmp_path, "a O\n")
    (annotated,) = read_columns(path, vocab=Vocab())
    (plain,) = read_columns(path, vocab=Vocab(), label=None)
    assert list(annotated.spans["chunks"]) == []
    assert "chunks" not in plain.spans


def test_entities(tmp_path: Path) -> None:
    first, second = read_columns(stored(tmp_path, ENTITIES), vocab=Vocab(), into="ents", separator="\t")
    assert [token.text for token in first] == ["Ada", "\U0001f600", "in", "New", "York"]
    assert segments(first.ents) == [("PER", "Ada"), ("LOC", "New York")]
    assert [token.ent_iob_ for token in first] == ["B", "O", "O", "B", "I"]
    assert second.has_annotation("ENT_IOB")
    assert segments(second.ents) == []
    assert "chunks" not in first.spans


def test_unlabelled_entities_are_missing(tmp_path: Path) -> None:
    first, _ = read_columns(stored(tmp_path, ENTITIES), vocab=Vocab(), into="ents", label=None, separator="\t")
    assert not first.has_annotation("ENT_IOB")


def test_numbered_columns_with_comments(tmp_path: Path) -> None:
    options = {"into": "ents", "separator": "\t", "word": 1, "label": 2, "comments": True}
    (doc,) = read_columns(stored(tmp_path, NUMBERED), vocab=Vocab(), **options)
    assert [token.text for token in doc] == ["Ada", "'s", "Acme"]
    assert segments(doc.ents) == [("PER", "Ada"), ("ORG", "Acme")]


def test_labels_are_renamed_or_left_open(tmp_path: Path) -> None:
    names = {"PER": "PERSON", "LOC": None}
    first, second = read_columns(
        stored(tmp_path, ENTITIES), vocab=Vocab(), into="ents", separator="\t", label_map=names
    )
    assert segments(first.ents) == [("PERSON", "Ada")]
    assert [token.ent_iob_ for token in first] == ["B", "O", "O", "", ""]
    assert [token.ent_iob_ for token in second] == ["O"]


def test_document_marks_are_no_words(tmp_path: Path) -> None:
    path = stored(tmp_path, "-DOCSTART- -X- O\n\na DT B-NP\n\n-DOCSTART-\n\nb DT B-NP\n")
    assert [doc.text for doc in read_columns(path, vocab=Vocab())] == ["a ", "b "]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a DT B-NP\nb B-NP\n", 2, "expected 3 columns as in the first line, got 2"),
        ("a DT B-NP\n\nb DT x I-NP\n", 3, "got 4"),
        ("a DT B-NP\nb DT NP\n", 2, "column -1: expected a tag like O, B-NP"),
        ("a\tB-PER\n \tO\n", 2, "word is empty"),
    ],
)
def test_broken_lines(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = stored(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        list(read_columns(path, vocab=Vocab(), separator="\t" if "\t" in text else None))
    assert (caught.value.path, caught.value.line) == (path, line)


def test_columns_that_are_not_there(tmp_path: Path) -> None:
    path = stored(tmp_path, CHUNKS)
    for option in ({"label": 3}, {"tag": -4}, {"word": 7}):
        with pytest.raises(DataError, match=f"expected a column {next(iter(option.values()))}"):
            list(read_columns(path, vocab=Vocab(), **option))


def test_options_that_cannot_be(tmp_path: Path) -> None:
    path = stored(tmp_path, CHUNKS)
    for option in ({"sentences": 0}, {"into": "spans"}, {"label_map": {"NP": None}}):
        with pytest.raises(ConfigError):
            list(read_columns(path, vocab=Vocab(), **option))


@pytest.mark.parametrize("text", ["", "\n \n\n", "-DOCSTART- -X- O\n"])
def test_file_without_sentences(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="expected at least one sentence, got none"):
        list(read_columns(stored(tmp_path, text), vocab=Vocab()))


@pytest.mark.bench
@pytest.mark.parametrize(("split", "counts"), [("train", (8936, 211727, 106978)), ("test", (2012, 47377, 23852))])
def test_counts_of_conll2000(data_folder: Path, split: str, counts: tuple[int, int, int]) -> None:
    docs = list(read_columns(data_folder / "conll2000" / f"{split}.txt", vocab=Vocab()))
    assert (len(docs), sum(map(len, docs)), sum(len(doc.spans["chunks"]) for doc in docs)) == counts
