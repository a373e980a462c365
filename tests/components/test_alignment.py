from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example
from spacy.vocab import Vocab

from cascade import docs as documents
from cascade.components.alignment import aligned
from cascade.evaluation import bare_copy
from cascade.tasks import Chunking, Entities, Parsing, Sentences, Tagging


@pytest.fixture
def gold(vocab: Vocab) -> Doc:
    """Two sentences in which `cannot` is two tokens."""
    doc = Doc(
        vocab,
        words=["Ana", "can", "not", "swim", ".", "Bo", "can", "."],
        spaces=[True, False, True, False, True, True, False, False],
        tags=["NNP", "MD", "RB", "VB", ".", "NNP", "MD", "."],
        pos=["PROPN", "AUX", "PART", "VERB", "PUNCT", "PROPN", "AUX", "PUNCT"],
        morphs=["Number=Sing", "VerbForm=Fin", "", "VerbForm=Inf", "", "Number=Sing", "VerbForm=Fin", ""],
        lemmas=["Ana", "can", "not", "swim", ".", "Bo", "can", "."],
        heads=[3, 3, 3, 3, 3, 6, 6, 6],
        deps=["nsubj", "aux", "advmod", "ROOT", "punct", "nsubj", "ROOT", "punct"],
    )
    doc.set_ents([Span(doc, 0, 1, label="PER")])
    doc.spans["chunks"] = SpanGroup(doc, spans=[Span(doc, 0, 1, label="NP"), Span(doc, 1, 4, label="VP")])
    doc.cats["relatedness"] = 4.5
    documents.set_domain(doc, "boats")
    return doc


def predicted(gold: Doc, words: list[str], spaces: list[bool]) -> Doc:
    doc = Doc(gold.vocab, words=words, spaces=spaces)
    assert doc.text == gold.text
    return doc


@pytest.fixture
def merged(gold: Doc) -> Doc:
    return aligned(
        Example(
            predicted(
                gold,
                ["Ana", "cannot", "swim", ".", "Bo", "can", "."],
                [True, True, False, True, True, False, False],
            ),
            gold,
        )
    )


def test_the_same_tokens_give_the_reference_itself(gold: Doc) -> None:
    assert aligned(Example(bare_copy(gold), gold)) is gold


def test_tokens_without_a_counterpart_have_no_annotation(merged: Doc) -> None:
    assert [t.text for t in merged] == ["Ana", "cannot", "swim", ".", "Bo", "can", "."]
    assert documents.domain(merged) == "boats"
    assert [t.tag_ for t in merged] == ["NNP", "", "VB", ".", "NNP", "MD", "."]
    assert [t.pos_ for t in merged] == ["PROPN", "", "VERB", "PUNCT", "PROPN", "AUX", "PUNCT"]
    assert [t.lemma_ for t in merged] == ["Ana", "", "swim", ".", "Bo", "can", "."]
    assert [t.has_morph() for t in merged] == [True, False, True, True, True, True, True]
    assert [str(t.morph) for t in merged][:4] == ["Number=Sing", "", "VerbForm=Inf", ""]


def test_arcs_sentences_spans_and_categories(merged: Doc) -> None:
    assert [t.dep_ for t in merged] == ["nsubj", "", "ROOT", "punct", "nsubj", "ROOT", "punct"]
    assert [t.head.i for t in merged if t.dep_] == [2, 2, 2, 5, 5, 5]
    assert [t.is_sent_start for t in merged] == [True, False, False, False, True, False, False]
    assert [(s.start, s.end, s.label_) for s in merged.spans["chunks"]] == [(0, 1, "NP"), (1, 3, "VP")]
    assert [(e.text, e.label_) for e in merged.ents] == [("Ana", "PER")]
    assert merged.cats == {"relatedness": 4.5}


def test_tasks_read_it_with_what_is_missing_left_out(merged: Doc, gold: Doc) -> None:
    tag, parse = Tagging("t"), Parsing("p")
    for task in (tag, parse):
        task.vocabulary = tuple(task.labels([gold]))
    targets = tag.targets(merged)
    assert targets is not None
    assert [label >= 0 for label in targets["label"].tolist()] == [True, False, True, True, True, True, True]
    arcs = parse.targets(merged)
    assert arcs is not None
    assert [head > -100 for head in arcs["head"].tolist()] == [True, False, True, True, True, True, True]
    for task in (Sentences("s"), Chunking("c"), Entities("e")):
        task.vocabulary = tuple(task.labels([gold]))
        assert task.targets(merged) is not None


def test_a_token_split_in_two(gold: Doc) -> None:
    doc = aligned(
        Example(
            predicted(
                gold,
                ["An", "a", "can", "not", "swim", ".", "Bo", "can", "."],
                [False, True, False, True, False, True, True, False, False],
            ),
            gold,
        )
    )
    assert [t.tag_ for t in doc][:3] == ["NNP", "NNP", "MD"]
    assert [t.is_sent_start for t in doc][:3] == [True, False, False]
    assert [(s.text, s.label_) for s in doc.spans["chunks"]] == [("An a", "NP"), ("can not swim", "VP")] or [
        s.label_ for s in doc.spans["chunks"]
    ] == ["NP", "VP"]


def test_what_the_reference_does_not_have_stays_missing(gold: Doc) -> None:
    bare = bare_copy(gold)
    doc = aligned(
        Example(
            predicted(
                gold, ["Ana", "cannot", "swim", ".", "Bo", "can", "."], [True, True, False, True, True, False, False]
            ),
            bare,
        )
    )
    assert not any(doc.has_annotation(name) for name in ("TAG", "DEP", "SENT_START", "ENT_IOB", "MORPH", "LEMMA"))
    assert not doc.spans
    assert not doc.cats
    assert documents.domain(doc) is None


def test_an_empty_prediction(gold: Doc) -> None:
    assert len(aligned(Example(Doc(gold.vocab), Doc(gold.vocab)))) == 0


@given(cuts=st.sets(st.integers(1, 25), max_size=12))
def test_any_tokenization_is_aligned(cuts: set[int]) -> None:
    """Whatever the predicted tokens are, tags that come through are those of a gold token in the same place."""
    vocab = Vocab()
    words = ["Ana", "can", "not", "swim", "today", "and", "Bo"]
    gold = Doc(
        vocab,
        words=words,
        spaces=[False] * 7,
        tags=[f"T{i}" for i in range(7)],
        heads=[1, 1, 1, 1, 3, 6, 3],
        deps=["d"] * 7,
    )
    places = sorted({0, *(c for c in cuts if c < len(gold.text)), len(gold.text)})
    parts = [gold.text[a:b] for a, b in zip(places, places[1:], strict=False)]
    doc = aligned(Example(Doc(vocab, words=parts, spaces=[False] * len(parts)), gold))
    assert [t.text for t in doc] == parts
    for token in doc:
        if token.tag_:
            owner = gold.char_span(token.idx, token.idx + len(token), alignment_mode="expand")
            assert owner is not None
            assert token.tag_ in {t.tag_ for t in owner}
        if token.dep_:
            assert 0 <= token.head.i < len(doc)
