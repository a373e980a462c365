from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from cascade.nn.rows import MISSING
from cascade.tasks import Lemmas
from cascade.tasks.edit_trees import lemma_rule


def lemmatized(doc: Doc, lemmas: str) -> Doc:
    given = iter(lemmas.split())
    for token in doc:
        token.lemma_ = "" if token.is_space else next(given).replace("_", "")
    return doc


@pytest.fixture
def docs(nlp: Language, pair: Callable[..., Doc]) -> list[Doc]:
    return [
        lemmatized(nlp.make_doc("The cats were  sleeping \n soundly"), "the cat be sleep soundly"),
        lemmatized(nlp.make_doc("the dogs barked"), "the dog bark"),
        lemmatized(pair("cats sleeping", "dogs were"), "cat sleep dog be"),
        nlp.make_doc(""),
        lemmatized(nlp.make_doc("\n"), ""),
    ]


def test_labels_are_sorted_trees_that_are_frequent_enough(docs: list[Doc]) -> None:
    s, ing, keep, were = (lemma_rule(*p) for p in [("cats", "cat"), ("going", "go"), ("a", "a"), ("were", "be")])
    assert Lemmas("lemma", min_freq=2).labels(docs) == sorted([s, ing, keep, were])
    assert Lemmas("lemma", min_freq=3).labels(docs) == sorted([s, keep])
    every = Lemmas("lemma", min_freq=1).labels(docs)
    assert {lemma_rule("barked", "bark")} == set(every) - {s, ing, keep, were}


def test_gold_is_missing_without_a_lemma_or_a_known_tree(
    nlp: Language, docs: list[Doc], built: Callable[..., Any]
) -> None:
    task = built(Lemmas("lemma", min_freq=1), docs=docs).task("lemma")
    assert task.targets(nlp.make_doc("cats")) is None
    partial = lemmatized(nlp.make_doc("cats went home"), "cat go _")
    keep = partial[2].lemma_
    assert keep == ""
    assert task.targets(partial)["label"].tolist() == [
        task.vocabulary.index(lemma_rule("cats", "cat")),
        MISSING,
        MISSING,
    ]


def test_round_trip(docs: list[Doc], perfect: Callable[..., Any]) -> None:
    copies, results = perfect(Lemmas("lemma", min_freq=1), docs)
    assert [[t.lemma_ for t in copy] for copy in copies] == [[t.lemma_ or t.text for t in doc] for doc in docs]
    assert results[0]["probabilities"] == pytest.approx(np.ones(5), abs=1e-4)


def test_the_next_tree_is_tried_and_then_the_form_stays(nlp: Language) -> None:
    task = Lemmas("lemma")
    task.vocabulary = tuple(lemma_rule(*p) for p in [("is", "be"), ("cats", "cat"), ("s", "")])
    predictions = {"label": np.array([[0, 1], [0, 1], [2, 0]]), "probability": np.full((3, 2), 0.5)}
    doc = nlp.make_doc("dogs bark s")
    task.annotate(doc, predictions)
    assert [token.lemma_ for token in doc] == ["dog", "bark", "s"]


def test_lemmas_that_are_set_stay_without_overwrite(nlp: Language) -> None:
    task = Lemmas("lemma")
    task.vocabulary = (lemma_rule("cats", "cat"),)
    doc = nlp.make_doc("cats cats")
    doc[0].lemma_ = "mine"
    task.annotate(doc, {"label": np.zeros((2, 1), dtype=int), "probability": np.ones((2, 1))}, overwrite=False)
    assert [token.lemma_ for token in doc] == ["mine", "cat"]


def test_lemmas_do_not_depend_on_the_string_store_they_were_learned_with(
    docs: list[Doc], built: Callable[..., Any]
) -> None:
    labels = built(Lemmas("lemma", min_freq=1), docs=docs).labels["lemma"]
    loaded = Lemmas("lemma")
    loaded.vocabulary = tuple(json.loads(json.dumps(labels)))
    fresh = Language()
    doc = fresh.make_doc("horses")
    number = labels.index(lemma_rule("cats", "cat"))
    loaded.annotate(doc, {"label": np.array([[number]]), "probability": np.ones((1, 1))})
    assert doc[0].lemma_ == "horse"


def test_accuracy_counts_what_is_annotated(nlp: Language) -> None:
    found, gold = (lemmatized(nlp.make_doc("a b c d"), lemmas) for lemmas in ("a b x x", "a x x _"))
    assert Lemmas("lemma").score([Example(found, gold)]) == {"lemma_acc": pytest.approx(2 / 3)}
    assert Lemmas("lemma").score([Example(found, nlp.make_doc("a b c d"))]) == {"lemma_acc": None}


def test_a_small_model_learns_its_docs(
    docs: list[Doc], overfit: Callable[..., Any], predict: Callable[..., Any]
) -> None:
    model = overfit(Lemmas("lemma", min_freq=1, hidden=16), docs=docs)
    copies = predict(model, docs)
    scores = model.task("lemma").score([Example(c, d) for c, d in zip(copies, docs, strict=True)])
    assert scores == {"lemma_acc": 1.0}
