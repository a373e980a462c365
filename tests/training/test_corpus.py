from __future__ import annotations

from collections.abc import Callable

import pytest
from spacy.tokens import Doc

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training import Corpus
from cascade.training.corpus import annotated, initialize

Make = Callable[..., list[Doc]]


def test_every_doc_with_the_tasks_it_has_gold_for(model: CascadeModel, docs: Make) -> None:
    empty = Doc(docs(1)[0].vocab)
    blank = Doc(empty.vocab, words=["moon", "tree"])
    first = Corpus(train=[*docs(1), *docs(1, sentences=False), empty, blank])
    second = Corpus(train=docs(1, tags=False))
    found = [[names for _, names in corpus] for corpus in annotated(model, [first, second])]
    assert found == [[("tags", "sents"), ("tags",), (), ()], [("sents",)]]


def test_a_task_without_gold_is_named(model: CascadeModel, docs: Make) -> None:
    with pytest.raises(TrainingError, match=r"no training Doc has gold for sents \(corpora: 'trees'\)"):
        annotated(model, [Corpus(train=docs(3, sentences=False), name="trees")])


def test_a_corpus_without_gold_is_named(model: CascadeModel, docs: Make) -> None:
    bare = Corpus(train=docs(3, tags=False, sentences=False), name="raw")
    with pytest.raises(TrainingError, match=r"corpus 'raw': none of its 3 training Docs has gold .*\(tags, sents\)"):
        annotated(model, [Corpus(train=docs(3)), bare])


def test_a_task_without_labels_is_named_before_anything_is_built(graph, docs: Make) -> None:
    model = CascadeModel(graph())
    with pytest.raises(TrainingError, match="gold for tags"):
        initialize(model, [Corpus(train=docs(3, tags=False))])
    assert not model.initialized


def test_the_labels_are_those_of_all_corpora(graph, docs: Make) -> None:
    model, tagged = CascadeModel(graph()), docs(2)
    for token in tagged[1]:
        token.tag_ = "X"
    initialize(model, [Corpus(train=tagged[:1]), Corpus(train=tagged[1:])])
    assert model.labels["tags"] == ("D", "N", "V", "X")
