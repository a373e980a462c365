from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor, nn

from cascade.errors import GraphError, LabelError
from cascade.nn.decoders.base import Classifier, Output
from cascade.nn.rows import MISSING, Rows
from cascade.tasks import (
    Chunking,
    Classification,
    Entailment,
    Lemmas,
    Parsing,
    Relatedness,
    Sentences,
    Tagging,
    TextClassification,
)
from tests.layouts import layout_of


class Colours(Classification):
    """A task that knows three labels."""

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        return ("blue", "green", "red")

    def targets(self, doc: Doc) -> Mapping[str, np.ndarray] | None:
        return None

    def annotate(self, doc: Doc, predictions: Mapping[str, np.ndarray], *, overwrite: bool = True) -> dict[str, Any]:
        return {}

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        return {}


def task_of(**settings: Any) -> Colours:
    task = Colours("colours", **settings)
    task.vocabulary = tuple(task.labels([]))
    return task


def output_of(logits: Tensor, alive: list[bool] | None = None) -> Output:
    rows = Rows(
        parent=torch.zeros(len(logits), dtype=torch.long),
        alive=torch.ones(len(logits), dtype=torch.bool) if alive is None else torch.tensor(alive),
        size=1,
    )
    decoder = Classifier(2, hidden=2, classes=3)
    return Output(
        rows=rows,
        hidden=logits,
        scores={"logits": logits},
        decoder=decoder,
        candidates=logits[:, 0],
        layout=layout_of(rows),
    )


def test_numbers_of_labels() -> None:
    task = task_of()
    assert task.ids(["red", None, "blue", "pink"]).tolist() == [2, MISSING, 0, MISSING]
    other = replace(task)
    other.vocabulary = ("red",)
    assert other.ids(["red", "blue"]).tolist() == [0, MISSING]
    assert task.require("green") == 1
    with pytest.raises(LabelError, match=r"'colours' does not know the label 'pink'.* 3 labels \(blue, green, red\):"):
        task.require("pink")
    other.vocabulary = tuple("abcdefghij")
    with pytest.raises(LabelError, match=r"10 labels \(a, b, c, d, e, f, g, h, ...\)"):
        other.require("pink")


def test_labels_of_further_names() -> None:
    assert task_of().readable == ("blue", "green", "red")
    assert task_of().extended(["red"], ["blue", "red"]) == ["blue", "red"]
    spans = Chunking("chunk")
    assert spans.readable == ()
    spans.vocabulary = tuple(spans.extended(["O", "B-NP", "I-NP", "E-NP", "S-NP"], ["ADJP"]))
    assert spans.readable == ("ADJP", "NP")
    assert spans.vocabulary == tuple(spans.extended((), ["NP", "ADJP"]))
    assert Lemmas("lemma").readable == ()
    assert not any(cls("x").extensible for cls in (Sentences, Lemmas, Entailment, Relatedness))


@pytest.mark.parametrize(
    ("cls", "setting", "words"),
    [
        (Parsing, "decoder", "biaffine, selection"),
        (Chunking, "decoder", "crf, softmax"),
        (Tagging, "attribute", "TAG, POS, MORPH"),
        (TextClassification, "pool", "max, mean, first, attention"),
        (Entailment, "pool", "max, mean, first, attention"),
    ],
)
def test_a_word_that_a_setting_does_not_know(cls: Any, setting: str, words: str) -> None:
    """Not taken for the last of those that it does know."""
    with pytest.raises(GraphError, match=rf"{cls.__name__}\('mine'\) has no {setting}='CRF': choose one of {words}$"):
        cls("mine", **{setting: "CRF"})


@pytest.mark.parametrize(
    ("cls", "settings", "problems"),
    [
        (Parsing, {"dropout": 1.0}, ["dropout has to be 0 or more and below 1, got dropout=1.0"]),
        (Parsing, {"hidden": 0, "relations": -1}, ["hidden has to be 1 or more, got hidden=0", "relations .*=-1"]),
        (Chunking, {"hidden": 0, "dropout": 1.5}, ["hidden .*=0", "dropout .*=1.5"]),
        (Tagging, {"hidden": 0, "dropout": -0.5, "smoothing": 1.0}, ["hidden", "dropout .*=-0.5", "smoothing .*=1.0"]),
        (TextClassification, {"dropout": 1.0}, ["dropout"]),
        (
            Entailment,
            {"hidden": 0, "pieces": 0, "layers": 0, "dropout": 1.0},
            ["hidden", "pieces", "layers", "dropout"],
        ),
    ],
)
def test_numbers_out_of_range_are_reported_at_once(cls: Any, settings: dict[str, Any], problems: list[str]) -> None:
    with pytest.raises(GraphError) as error:
        cls("mine", **settings)
    for found, expected in zip(error.value.problems, problems, strict=True):
        assert re.match(rf"{cls.__name__}\('mine'\): {expected}", found)


def test_the_loss_is_the_mean_over_living_rows_with_gold() -> None:
    logits = torch.randn(5, 3, requires_grad=True)
    output = output_of(logits, [True, True, False, True, True])
    loss = task_of().loss(output, {"label": torch.tensor([2, MISSING, 1, 0, 0])})
    expected = [-logits[row].log_softmax(0)[label] for row, label in ((0, 2), (3, 0), (4, 0))]
    torch.testing.assert_close(loss, torch.stack(expected).mean())
    loss.backward()
    assert logits.grad is not None
    assert not logits.grad[1:3].any()


def test_without_gold_the_loss_is_zero_and_can_be_trained_on() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    for given in (logits, logits[:0]):
        loss = task_of().loss(output_of(given), {"label": torch.full((len(given),), MISSING)})
        assert loss == 0
        loss.backward()


def test_smoothing_gives_the_other_labels_their_share() -> None:
    logits = torch.randn(1, 3)
    loss = task_of(smoothing=0.3).loss(output_of(logits), {"label": torch.tensor([1])})
    target = torch.tensor([0.1, 0.8, 0.1])
    torch.testing.assert_close(loss, -(target * logits[0].log_softmax(0)).sum())


def test_gold_as_a_distribution() -> None:
    gold, known = task_of().gold({"label": torch.tensor([2, MISSING, 0])})
    assert known.tolist() == [True, False, True]
    assert gold[known].tolist() == [[0, 0, 1], [1, 0, 0]]


def test_predictions_are_the_best_labels_and_their_probabilities() -> None:
    decoded = task_of().decode(output_of(torch.tensor([[0.0, 0.0, 2.0], [1.0, 0.0, 0.0]])))
    assert decoded["label"].tolist() == [2, 0]
    assert decoded["probability"] == pytest.approx([np.e**2 / (np.e**2 + 2), np.e / (np.e + 2)])
    assert all(len(values) == 0 for values in task_of().decode(output_of(torch.zeros(0, 3))).values())


def test_the_classifier_is_one_hidden_layer() -> None:
    decoder = task_of(hidden=5).build(4, ("a", "b", "c"))
    assert isinstance(decoder, Classifier)
    states, rows = torch.randn(2, 4), output_of(torch.zeros(2, 3)).rows
    scores = decoder(states, rows)
    by_hand = nn.functional.relu(states @ decoder.hidden.weight.T + decoder.hidden.bias)
    torch.testing.assert_close(scores["hidden"], by_hand)
    torch.testing.assert_close(scores["logits"], by_hand @ decoder.output.weight.T + decoder.output.bias)
    assert decoder.hidden_width == 5


@pytest.mark.parametrize(
    "ask",
    [
        lambda task: task.starts(None),
        lambda task: task.gold_starts({}),
        lambda task: task.keep(None),
        lambda task: task.gold_rows(None, {}),
    ],
)
def test_what_a_task_does_not_carry_it_does_not_have(ask: Callable[[Any], Any]) -> None:
    with pytest.raises(NotImplementedError):
        ask(task_of())


def test_vocabularies_are_no_part_of_a_specification() -> None:
    task = task_of(hidden=7)
    assert task == Colours("colours", hidden=7)
    assert "vocabulary" not in repr(task)
    assert replace(task, name="x").vocabulary == ()
