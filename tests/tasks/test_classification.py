from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, roc_auc_score
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor

from cascade.errors import LabelError
from cascade.nn.rows import MISSING
from cascade.tasks import TextClassification


def labelled(doc: Doc, **cats: float) -> Doc:
    doc.cats = cats
    return doc


@pytest.fixture
def docs(nlp: Language, pair: Callable[..., Doc]) -> list[Doc]:
    return [
        labelled(nlp.make_doc("what a lovely day"), GOOD=1.0, BAD=0.0),
        labelled(nlp.make_doc("what an  awful night"), GOOD=0.0, BAD=1.0),
        labelled(nlp.make_doc(""), GOOD=0.0, BAD=1.0),
        pair("one text", "another", NEUTRAL=1.0),
        nlp.make_doc("no label"),
    ]


@pytest.fixture
def topics(nlp: Language) -> list[Doc]:
    return [
        labelled(nlp.make_doc("stars and ships"), SKY=1.0, SEA=1.0, ODD=0.0),
        labelled(nlp.make_doc("ships at anchor"), SKY=0.0, SEA=1.0, ODD=0.0),
        labelled(nlp.make_doc("stars at night"), SKY=1.0, SEA=0.0),
        labelled(nlp.make_doc("nothing at all"), SKY=0.0, SEA=0.0, ODD=1.0),
    ]


def test_labels_come_from_ordinary_docs_and_can_be_restricted(docs: list[Doc]) -> None:
    assert TextClassification("cat").labels(docs) == ["BAD", "GOOD"]
    assert TextClassification("cat", classes=("GOOD", "NEUTRAL")).labels(docs) == ["GOOD"]


def test_values_that_are_no_probabilities_and_labels_that_cannot_be_chosen_from(nlp: Language) -> None:
    two = labelled(nlp.make_doc("x"), GOOD=1.0, BAD=1.0)
    with pytest.raises(LabelError, match="takes one category a text, got .*exclusive=False"):
        TextClassification("cat").labels([two])
    assert TextClassification("cat", exclusive=False).labels([two]) == ["BAD", "GOOD"]
    assert TextClassification("cat", classes=("GOOD",)).labels([two]) == ["GOOD"]
    with pytest.raises(LabelError, match=r"values from 0 to 1, got \{'GOOD': 2.0\}"):
        TextClassification("cat", exclusive=False).labels([labelled(nlp.make_doc("x"), GOOD=2.0)])
    with pytest.raises(LabelError, match=r"chooses between labels, got \['GOOD'\]: or set exclusive=False"):
        TextClassification("cat").build(4, ["GOOD"])
    assert TextClassification("cat", exclusive=False).build(4, ["GOOD"]) is not None


def test_targets(nlp: Language, docs: list[Doc], topics: list[Doc], built: Callable[..., Any]) -> None:
    one = built(TextClassification("cat"), docs=docs).task("cat")
    found = [one.targets(doc) for doc in docs]
    assert [targets and targets["label"].tolist() for targets in found] == [[1], [0], [0], None, None]
    assert one.targets(labelled(nlp.make_doc("x"), GOOD=0.0))["label"].tolist() == [MISSING]
    several = built(TextClassification("cat", exclusive=False), docs=topics).task("cat")
    assert several.vocabulary == ("ODD", "SEA", "SKY")
    assert several.targets(topics[2])["label"].tolist() == [[MISSING, 0, 1]]
    assert several.blank(2)["label"].shape == (2, 3)


def test_round_trip_of_exclusive_labels(docs: list[Doc], perfect: Callable[..., Any]) -> None:
    copies, results = perfect(TextClassification("cat"), docs)
    assert [copy.cats for copy in copies[:2]] == [pytest.approx(doc.cats, abs=1e-4) for doc in docs[:2]]
    assert copies[2].cats == {"GOOD": 0.0, "BAD": 0.0}, "there is no word to judge by"
    assert (copies[3].cats, results[3]) == ({}, {})
    assert all(type(value) is float for value in copies[0].cats.values())


def test_round_trip_of_several_labels(topics: list[Doc], perfect: Callable[..., Any]) -> None:
    def logits(gold: Tensor) -> Tensor:
        return 20 * gold - 10

    copies, results = perfect(TextClassification("cat", exclusive=False), topics, logits=logits)
    for copy, doc in zip(copies, topics, strict=True):
        assert {label: round(copy.cats[label]) for label in doc.cats} == doc.cats
    assert results[0]["probabilities"] == pytest.approx(np.array([0, 1, 1]), abs=1e-4)


def test_unknown_labels_give_no_loss_and_no_gold_distribution(topics: list[Doc], built: Callable[..., Any]) -> None:
    model = built(TextClassification("cat", exclusive=False), docs=topics)
    batch = model.batch(topics, targets=["cat"])
    output, task = model(batch, ["cat"])["cat"], model.task("cat")
    logits, gold = output.scores["logits"], batch.targets["cat"]["label"]
    expected = []
    for row, labels in zip(logits, gold, strict=True):
        known = labels != MISSING
        expected.append(torch.nn.functional.binary_cross_entropy_with_logits(row[known], labels[known].float()))
    torch.testing.assert_close(task.loss(output, batch.targets["cat"]), torch.stack(expected).mean())
    assert task.gold(batch.targets["cat"])[1].tolist() == [True, True, False, True]
    nothing = {"label": torch.full_like(gold, MISSING)}
    assert task.loss(output, nothing).item() == 0.0


def test_categories_that_are_set_stay_without_overwrite(docs: list[Doc], built: Callable[..., Any]) -> None:
    model = built(TextClassification("cat"), docs=docs)
    (predictions,) = model.predict(docs[:1])
    doc = labelled(docs[4], GOOD=0.125, other=3.0)
    model.task("cat").annotate(doc, predictions["cat"], overwrite=False)
    assert doc.cats == {"GOOD": 0.125, "other": 3.0, "BAD": pytest.approx(predictions["cat"]["probability"][0, 0])}


def test_scores_are_those_of_scikit_learn(nlp: Language) -> None:
    task = TextClassification("cat")
    task.vocabulary = ("A", "B", "C")
    gold, found = "AABBC", "ABBBA"
    examples = [
        Example(
            labelled(nlp.make_doc("x"), **{label: 0.8 if label == f else 0.1 for label in "ABC"}),
            labelled(nlp.make_doc("x"), **{label: float(label == g) for label in "ABC"}),
        )
        for g, f in zip(gold, found, strict=True)
    ]
    scores = task.score(examples)
    both = list(gold), list(found)
    assert scores["cats_micro_f"] == pytest.approx(f1_score(*both, average="micro"))
    assert scores["cats_score"] == pytest.approx(f1_score(*both, average="macro", zero_division=0))


def test_docs_without_gold_or_prediction_do_not_count(
    nlp: Language, docs: list[Doc], built: Callable[..., Any]
) -> None:
    task = built(TextClassification("cat"), docs=docs).task("cat")
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in docs]
    assert set(task.score(examples).values()) == {None}


@pytest.mark.parametrize("pool", ["max", "mean", "attention"])
def test_a_small_model_learns_its_docs(
    pool: Any, topics: list[Doc], overfit: Callable[..., Any], predict: Callable[..., Any]
) -> None:
    model = overfit(TextClassification("cat", exclusive=False, pool=pool, hidden=16), docs=topics, steps=40)
    copies = predict(model, topics)
    scores = model.task("cat").score([Example(c, d) for c, d in zip(copies, topics, strict=True)])
    assert (scores["cats_micro_f"], scores["cats_score"]) == (1.0, 1.0)


def test_thresholds_of_labels(nlp: Language) -> None:
    """Scores as scikit-learn counts what reaches its label's threshold; areas under curves know no threshold."""
    task = TextClassification("cat", exclusive=False, threshold=(0.2, 0.5, 0.9))
    task.vocabulary = ("A", "B", "C")
    rng = np.random.default_rng(0)
    chances, gold = rng.random((30, 3)), rng.random((30, 3)) < 0.4
    examples = [
        Example(
            labelled(nlp.make_doc("x"), **dict(zip("ABC", own.tolist(), strict=True))),
            labelled(nlp.make_doc("x"), **dict(zip("ABC", right.astype(float).tolist(), strict=True))),
        )
        for own, right in zip(chances, gold, strict=True)
    ]
    scores, found = task.score(examples), chances >= [0.2, 0.5, 0.9]
    assert scores["cats_macro_f"] == pytest.approx(f1_score(gold, found, average="macro"))
    assert scores["cats_micro_f"] == pytest.approx(f1_score(gold, found, average="micro"))
    assert scores["cats_score"] == scores["cats_macro_auc"] == pytest.approx(roc_auc_score(gold, chances))
    doc = nlp.make_doc("x")
    results = task.annotate(doc, {"probability": np.array([[0.2, 0.4, 0.95]], dtype=np.float64)})
    assert results["labels"] == ["A", "C"] and doc.cats == {"A": 0.2, "B": 0.4, "C": 0.95}
    assert task.decide(torch.tensor([[0.3, 0.4, 0.8], [0.1, 0.5, 0.91]])).tolist() == [[1, 0, 0], [0, 1, 1]]


def test_there_is_a_threshold_for_each_label() -> None:
    task = TextClassification("cat", exclusive=False, threshold=(0.2, 0.5))
    with pytest.raises(LabelError, match="has 3 labels, got 2 thresholds: give one for all, or one for each of A, B"):
        task.build(4, ["A", "B", "C"])


def test_surprisal_is_the_loss_of_single_labels(topics: list[Doc], built: Callable[..., Any]) -> None:
    model = built(TextClassification("cat", exclusive=False), docs=topics)
    batch = model.batch(topics, targets=["cat"])
    output, task, targets = model(batch, ["cat"])["cat"], model.task("cat"), batch.targets["cat"]
    assert task.surprisal(output, targets).shape == (11,)
    complete = {"label": targets["label"].clamp(min=0)}
    torch.testing.assert_close(task.surprisal(output, complete).mean(), task.loss(output, complete))
