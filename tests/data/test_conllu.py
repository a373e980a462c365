from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.converters import conllu_to_docs
from spacy.vocab import Vocab

from cascade.data import read_conllu
from cascade.errors import ConfigError, DataError

# Crossing arcs (1), a multi-word token and an empty node (2), marks and signs beyond ASCII and the word "_" (3).
SAMPLE = """\
# newdoc id = made-up
# sent_id = 1
1	A	a	DET	DT	Definite=Ind|PronType=Art	2	det	_	_
2	talk	talk	NOUN	NN	Number=Sing	4	nsubj:pass	_	_
3	is	be	AUX	VBZ	_	4	aux:pass	_	_
4	held	hold	VERB	VBN	Tense=Past	0	root	_	_
5	on	on	ADP	IN	_	6	case	_	_
6	owls	owl	NOUN	NNS	Number=Plur	2	nmod	_	SpaceAfter=No
7	.	.	PUNCT	.	_	4	punct	_	SpaceAfter=No

# newdoc id = made-up-2
1-2	Don't	_	_	_	_	_	_	_	SpaceAfter=No
1	Do	do	AUX	VB	Mood=Imp	4	aux	_	_
2	n't	not	PART	RB	_	4	advmod	_	_
3	,	,	PUNCT	,	_	4	punct	_	_
4	run	run	VERB	VB	_	0	root	_	_
4.1	quickly	quickly	ADV	RB	_	_	_	4:advmod	_
5	now	now	ADV	RB	_	4	advmod	_	_

1	cafe\u0301	cafe\u0301	NOUN	NN	_	0	root	_	_
2	𝒳	𝒳	SYM	SYM	_	1	dep	_	_
3	_	_	SYM	SYM	_	1	dep	_	_
4	東京	東京	PROPN	NNP	_	1	dep	_	_
"""


def stored(folder: Path, text: str) -> Path:
    path = folder / "sample.conllu"
    path.write_bytes(text.encode())
    return path


def read(folder: Path, text: str, **options) -> list[Doc]:
    return list(read_conllu(stored(folder, text), vocab=Vocab(), **options))


def row(number: int, head: object = "_", deprel: str = "_", **columns: str) -> str:
    known = {"form": "w", "lemma": "_", "upos": "_", "xpos": "_", "feats": "_", "misc": "_"} | columns
    order = [known[name] for name in ("form", "lemma", "upos", "xpos", "feats")]
    return "\t".join([str(number), *order, str(head), deprel, "_", known["misc"]]) + "\n"


def view(doc: Doc) -> list[tuple[object, ...]]:
    names = ("text", "whitespace_", "tag_", "pos_", "lemma_", "dep_", "is_sent_start")
    return [(*(getattr(token, name) for name in names), token.head.i, str(token.morph)) for token in doc]


@pytest.mark.parametrize("sentences", [1, 2, 10])
def test_docs_are_those_of_spacy_convert(tmp_path: Path, sentences: int) -> None:
    ours = read(tmp_path, SAMPLE, sentences=sentences)
    theirs = list(conllu_to_docs(SAMPLE, n_sents=sentences, no_print=True))
    assert [view(doc) for doc in ours] == [view(doc) for doc in theirs]


def test_sample_by_hand(tmp_path: Path) -> None:
    (doc,) = read(tmp_path, SAMPLE)
    assert doc.text == "A talk is held on owls. Don't, run now cafe\u0301 𝒳 _ 東京 "
    assert [len(sentence) for sentence in doc.sents] == [7, 5, 4]
    assert doc[5].head.text == "talk", "the crossing arc survives"
    assert (doc[3].dep_, doc[3].head.i) == ("ROOT", 3)
    assert doc[14].lemma_ == "_"
    assert doc[2].has_morph() and str(doc[2].morph) == ""
    assert not doc.has_annotation("ENT_IOB") and "chunks" not in doc.spans


def test_wrappings_make_no_difference(tmp_path: Path) -> None:
    expected = [view(doc) for doc in read(tmp_path, SAMPLE)]
    windows = SAMPLE.replace("\n", "\r\n").encode("utf-8-sig")
    for content in (windows, gzip.compress(windows), windows.rstrip()):
        path = tmp_path / "wrapped"
        path.write_bytes(content)
        assert [view(doc) for doc in read_conllu(path, vocab=Vocab())] == expected


def test_sentences_are_grouped_wherever_documents_begin(tmp_path: Path) -> None:
    assert [len(list(doc.sents)) for doc in read(tmp_path, f"{SAMPLE}\n" * 5, sentences=4)] == [4, 4, 4, 3]
    with pytest.raises(ConfigError, match="got 0"):
        read(tmp_path, SAMPLE, sentences=0)


def test_columns_without_annotation_are_missing(tmp_path: Path) -> None:
    (doc,) = read(tmp_path, row(1) + row(2) + "\n" + row(1))
    for name in ("TAG", "POS", "MORPH", "LEMMA", "HEAD", "DEP", "ENT_IOB"):
        assert not doc.has_annotation(name), name
    assert [token.is_sent_start for token in doc] == [True, False, True]


def test_partial_annotation(tmp_path: Path) -> None:
    bare = row(1, lemma="l") + row(2, xpos="T") + "\n"
    parsed = row(1, 2, "det", upos="DET") + row(2, 0, "root") + row(3) + "\n"
    (doc,) = read(tmp_path, bare + parsed + bare)
    assert [token.is_sent_start for token in doc] == [True, False, True, False, False, True, False]
    assert [token.dep_ for token in doc] == ["", "", "det", "ROOT", "", "", ""]
    assert [token.has_head() for token in doc] == [False, False, True, True, False, False, False]
    assert [token.lemma_ for token in doc][:2] == ["l", ""]
    assert [token.tag_ for token in doc][:2] == ["", "T"]


def test_scorer_passes_over_missing_annotation(tmp_path: Path) -> None:
    (gold,) = read(tmp_path, row(1, 2, "det") + row(2, 0, "root") + row(3))
    predicted = Doc(gold.vocab, words=["w"] * 3, heads=[1, 1, 0], deps=["det", "ROOT", "x"])
    assert Scorer.score_deps([Example(predicted, gold)], "dep")["dep_las"] == 1.0


def test_segments_in_misc(tmp_path: Path) -> None:
    first = row(1, misc="Chunk=B-NP|NE=B-PER") + row(2, misc="NE=I-PER|Chunk=I-NP|SpaceAfter=No") + row(3, misc="NE=O")
    second = row(1, misc="Chunk=I-NP|NE=I-PER") + row(2, misc="Note|Gloss=a=b")
    doc, bare = read(tmp_path, first + "\n" + second + "\n" + row(1), sentences=2)
    assert [(span.start, span.end, span.label_) for span in doc.spans["chunks"]] == [(0, 2, "NP"), (3, 4, "NP")]
    assert [(span.start, span.end, span.label_) for span in doc.ents] == [(0, 2, "PER"), (3, 4, "PER")]
    assert [token.ent_iob_ for token in doc] == ["B", "I", "O", "B", ""]
    assert doc[1].whitespace_ == ""
    assert "chunks" not in bare.spans and not bare.has_annotation("ENT_IOB")


def test_deep_trees_need_no_deep_stack(tmp_path: Path) -> None:
    size = 5000
    text = row(1, 0, "root") + "".join(row(i, i - 1, "dep") for i in range(2, size + 1))
    (doc,) = read(tmp_path, text)
    assert doc[size - 1].head.i == size - 2


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (row(1) + "2\tw\t_\n", 2, "expected 10 columns with tabs between, got 3"),
        (row(1).replace("\t", "    "), 1, "got 1"),
        (row(1) + "x" + row(2), 2, "ID: expected 2, a range from it or an empty node, got 'x2'"),
        (row(1) + row(3), 2, "ID: expected 2, .* got '3'"),
        (row(1) + row(1), 2, "keep a blank line between sentences"),
        ("3-2" + row(1)[1:], 1, "got '3-2'"),
        ("²" + row(1)[1:], 1, "ID"),
        ("# c\n1-3" + row(1)[1:] + row(1), 3, "up to the multi-word token's end 3, got 1"),
        (row(1, form=" "), 1, "FORM is empty"),
        (row(1, upos="NN"), 1, "UPOS: expected one of ADJ .* got 'NN'"),
        (row(1, feats="Number"), 1, "FEATS: expected Name=Value pairs"),
        (row(1, misc="NE=PER"), 1, "expected a tag like O"),
        (row(1, 0), 1, "HEAD and DEPREL both or neither"),
        (row(1, "_", "det"), 1, "HEAD and DEPREL both or neither"),
        (row(1, "one", "det"), 1, "HEAD: expected the ID of a word, 0 or _, got 'one'"),
        (row(1, -1, "det"), 1, "got '-1'"),
        (row(1, 1, "det"), 1, "its own head"),
        (row(1, 0, "root") + row(2, 3, "det"), 2, "HEAD: expected a word of the sentence, up to 2, got 3"),
        (row(1, 0, "root") + row(2, 0, "root"), 2, "expected one root, got a second one beside word 1"),
        (row(1, 0, "root") + row(2, 3, "a") + row(3, 4, "a") + row(4, 3, "a"), 3, "above word 2 run in a circle"),
        (row(1, 2, "a") + row(2, 1, "a"), 1, "circle"),
    ],
)
def test_broken_lines(tmp_path: Path, text: str, line: int, message: str) -> None:
    before = "# fine\n" + row(1, 0, "root") + "\n"
    path = stored(tmp_path, before + text)
    with pytest.raises(DataError, match=message) as caught:
        list(read_conllu(path, vocab=Vocab()))
    assert (caught.value.path, caught.value.line) == (path, line + 3)


@pytest.mark.parametrize("text", ["", "\n\n", "# newdoc\n# text = none\n", "1.1" + row(1)[1:]])
def test_file_without_sentences(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="expected at least one sentence, got none"):
        read(tmp_path, text)


@pytest.mark.bench
@pytest.mark.parametrize(
    ("file", "counts"),
    [("train.conllu.gz", (12544, 204577)), ("dev.conllu", (2001, 25147)), ("test.conllu", (2077, 25094))],
)
def test_counts_of_ewt(data_folder: Path, file: str, counts: tuple[int, int]) -> None:
    docs = list(read_conllu(data_folder / "ud_english_ewt" / f"en_ewt-ud-{file}", vocab=Vocab()))
    assert (sum(sum(1 for _ in doc.sents) for doc in docs), sum(map(len, docs))) == counts
