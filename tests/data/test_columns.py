from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

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

RELATIONS = """\
#doc 7
0\tAda\tB-Peop\t['N']\t[0]
1\tslept\tO\t['N']\t[1]
#doc 12
0\tOslo\tB-Loc\t['N']\t[0]
1\twoke\tO\t['N']\t[1]
2\tMay\tB-Other\t['N']\t[2]
"""

BROKEN = "Ada\tB-PER\n\tO\nLovelace\tI-PER\n\n \tO\n\nin\nOslo\tLOC\nnow\tO\n"

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


def test_comments_divide_sentences_where_no_blank_line_does(tmp_path: Path) -> None:
    names = {"Peop": "PER", "Loc": "LOC", "Other": None}
    options = {"into": "ents", "separator": "\t", "word": 1, "label": 2, "comments": True, "label_map": names}
    first, second = read_columns(stored(tmp_path, RELATIONS), vocab=Vocab(), **options)
    assert [[token.text for token in doc] for doc in (first, second)] == [["Ada", "slept"], ["Oslo", "woke", "May"]]
    assert segments([*first.ents, *second.ents]) == [("PER", "Ada"), ("LOC", "Oslo")]
    assert [token.ent_iob_ for token in second] == ["B", "O", ""]


@pytest.mark.parametrize("sentences", [1, 2])
def test_boundaries_may_be_left_unknown(tmp_path: Path, sentences: int) -> None:
    path = stored(tmp_path, ENTITIES.replace("Hi\tO\n", "Hi\tO\nyou\tO\n"))
    options = {"vocab": Vocab(), "into": "ents", "separator": "\t", "sentences": sentences}
    known, unknown = (list(read_columns(path, **options, boundaries=value)) for value in (True, False))
    assert all(doc.has_annotation("SENT_START") for doc in known)
    assert not any(doc.has_annotation("SENT_START") for doc in unknown)
    assert [segments(doc.ents) for doc in known] == [segments(doc.ents) for doc in unknown]


def test_malformed_lines_are_left_out_and_counted(tmp_path: Path) -> None:
    path = stored(tmp_path, BROKEN)
    options = {"vocab": Vocab(), "into": "ents", "separator": "\t"}
    with pytest.raises(DataError, match=r":2: the word is empty; mend the line, .*, or skip malformed lines"):
        list(read_columns(path, **options))
    with pytest.warns(UserWarning, match=r"left out 4 malformed lines, the first is .*:2: the word is empty"):
        docs = list(read_columns(path, **options, skip_malformed=True))
    assert [[token.text for token in doc] for doc in docs] == [["Ada", "Lovelace"], ["now"]]
    assert segments(docs[0].ents) == [("PER", "Ada Lovelace")]


def test_a_file_without_malformed_lines_gives_no_warning(tmp_path: Path) -> None:
    path = stored(tmp_path, ENTITIES)
    options = {"vocab": Vocab(), "into": "ents", "separator": "\t"}
    plain, skipping = (list(read_columns(path, **options, skip_malformed=value)) for value in (False, True))
    assert [doc.text for doc in plain] == [doc.text for doc in skipping]


def test_a_column_that_is_not_there_is_no_malformed_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a column 3"):
        list(read_columns(stored(tmp_path, CHUNKS), vocab=Vocab(), label=3, skip_malformed=True))


@pytest.mark.parametrize("into", ["chunks", "ents"])
def test_labels_may_be_put_outside(tmp_path: Path, into: Literal["chunks", "ents"]) -> None:
    path = stored(tmp_path, ENTITIES)
    first, _ = read_columns(path, vocab=Vocab(), into=into, separator="\t", label_map={"LOC": "O"})
    assert segments(first.ents if into == "ents" else first.spans["chunks"]) == [("PER", "Ada")]
    assert [token.ent_iob_ for token in first] == (["B", "O", "O", "O", "O"] if into == "ents" else [""] * 5)


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


ENTITY_SETS = {
    "uner_english_ewt/en_ewt-ud-dev.iob2": (2001, 25149, {"LOC": 399, "ORG": 224, "PER": 343}),
    "uner_english_ewt/en_ewt-ud-test.iob2": (2077, 25097, {"LOC": 317, "ORG": 322, "PER": 449}),
    "btc_ner/a.conll": (1000, 16612, {"LOC": 119, "ORG": 173, "PER": 229}),
    "btc_ner/b.conll": (2000, 30825, {"LOC": 229, "ORG": 516, "PER": 865}),
    "btc_ner/e.conll": (200, 3981, {"LOC": 144, "ORG": 122, "PER": 59}),
    "btc_ner/f.conll": (2001, 35425, {"LOC": 636, "ORG": 1090, "PER": 2650}),
    "btc_ner/g.conll": (2138, 34062, {"LOC": 1385, "ORG": 1498, "PER": 1802}),
    "btc_ner/h.conll": (2000, 29476, {"LOC": 309, "ORG": 736, "PER": 2323}),
    "conll04/train.txt": (910, 26804, {"LOC": 1204, "ORG": 596, "PER": 1145}),
    "conll04/dev.txt": (243, 6975, {"LOC": 337, "ORG": 190, "PER": 225}),
    "conll04/test.txt": (288, 8408, {"LOC": 427, "ORG": 198, "PER": 321}),
    "wnut17/wnut17train.conll": (3394, 62730, {"LOC": 548, "ORG": 485, "PER": 660}),
    "wnut17/emerging.dev.conll": (1009, 15733, {"LOC": 74, "ORG": 73, "PER": 470}),
    "wnut17/emerging.test.annotated": (1287, 23394, {"LOC": 150, "ORG": 231, "PER": 429}),
}


@pytest.mark.bench
@pytest.mark.filterwarnings("ignore:left out")
@pytest.mark.parametrize("file", ENTITY_SETS)
def test_counts_of_entity_sets(data_folder: Path, file: str) -> None:
    numbered = file.startswith(("uner", "conll04"))
    options = {"word": 1, "label": 2, "comments": True} if numbered else {"skip_malformed": True}
    names = {"Peop": "PER", "Loc": "LOC", "Org": "ORG", "person": "PER", "location": "LOC", "corporation": "ORG"}
    label_map = {**names, "group": "ORG", "Other": None, "product": None, "creative-work": None}
    docs = list(
        read_columns(data_folder / file, vocab=Vocab(), into="ents", separator="\t", label_map=label_map, **options)
    )
    counts = Counter(span.label_ for doc in docs for span in doc.ents)
    assert (len(docs), sum(map(len, docs)), counts) == ENTITY_SETS[file]
