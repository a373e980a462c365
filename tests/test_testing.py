from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example
from spacy.vocab import Vocab
from torch import Tensor

from cascade import registry, storage
from cascade.components.pipe import CascadePipe
from cascade.graph import Mix, Recurrent
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.tasks import (
    Chunking,
    Entailment,
    Entities,
    Lemmas,
    Parsing,
    Predictions,
    Reading,
    Relatedness,
    Reranking,
    Retrieval,
    Sentences,
    Tagging,
    Task,
    TextClassification,
)
from cascade.testing import check_pipe, check_task
from tests.questions import asked

TOKEN_TASKS = [
    Sentences("s"),
    Tagging("t"),
    Tagging("t", attribute="POS", layer=2),
    Tagging("t", attribute="MORPH", layer=Recurrent(8)),
    Lemmas("l", layer=Mix()),
    Chunking("c"),
    Chunking("c", decoder="softmax"),
    Entities("e"),
    Parsing("p", hidden=8, relations=8),
    Parsing("p", decoder="selection", projective=True, hidden=8),
]


@pytest.mark.parametrize("task", TOKEN_TASKS, ids=lambda task: f"{type(task).__name__}-{task.layer}")
def test_shipped_tasks_keep_the_contract(task: Task, docs: list[Doc]) -> None:
    check_task(task, docs)


@pytest.mark.parametrize("exclusive", [True, False])
def test_text_classification_keeps_the_contract(exclusive: bool, docs: list[Doc]) -> None:
    texts = [doc.copy() for doc in docs]
    for doc, label in zip(texts, ("GOOD", "BAD"), strict=True):
        doc.cats = {"GOOD": float(label == "GOOD"), "BAD": float(label == "BAD")}
    check_task(TextClassification("c", exclusive=exclusive), texts)


@pytest.mark.parametrize("task", [Relatedness("r", hidden=8), Entailment("e", hidden=8)], ids=lambda t: t.name)
def test_pair_tasks_keep_the_contract(task: Task, vocab: Vocab) -> None:
    check_task(task, [pair(vocab, 1.5, "ENTAILMENT"), pair(vocab, 4.0, "NEUTRAL"), pair(vocab, 3.0, "CONTRADICTION")])


def pair(vocab: Vocab, relatedness: float, judgment: str) -> Doc:
    doc = Doc(vocab, words=["A", "dog", "runs", "A", "cat", judgment.lower()])
    doc.spans["pair"] = SpanGroup(doc, name="pair", spans=[Span(doc, 0, 3), Span(doc, 3, 6)])
    judgments = {name: float(name == judgment) for name in ("CONTRADICTION", "ENTAILMENT", "NEUTRAL")}
    doc.cats = {"relatedness": relatedness, **judgments}
    return doc


@dataclass(kw_only=True)
class Unnamed(Tagging):
    """Not registered."""


@registry.tasks("test.Unsorted.v1")
@dataclass(kw_only=True)
class Unsorted(Tagging):
    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        return list(dict.fromkeys(token.tag_ for doc in docs for token in doc))


@registry.tasks("test.Meddling.v1")
@dataclass(kw_only=True)
class Meddling(Tagging):
    def targets(self, doc: Doc) -> Any:
        doc.user_data["seen"] = True
        return super().targets(doc)


@registry.tasks("test.Infinite.v1")
@dataclass(kw_only=True)
class Infinite(Tagging):
    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        return super().loss(output, targets) / 0


@registry.tasks("test.Detached.v1")
@dataclass(kw_only=True)
class Detached(Tagging):
    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        return super().loss(output, targets).detach().requires_grad_()


@registry.tasks("test.Fragile.v1")
@dataclass(kw_only=True)
class Fragile(Tagging):
    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        return torch.nn.functional.cross_entropy(output.scores["logits"], targets["label"], ignore_index=-1_000_000)


@registry.tasks("test.Short.v1")
@dataclass(kw_only=True)
class Short(Tagging):
    def decode(self, output: Output) -> Predictions:
        return {name: values[:-1] for name, values in super().decode(output).items()}


@registry.tasks("test.Blank.v1")
@dataclass(kw_only=True)
class Blank(Tagging):
    def blank(self, rows: int) -> Any:
        return {"label": np.zeros((rows, 2))}


@registry.tasks("test.Tensors.v1")
@dataclass(kw_only=True)
class Tensors(Tagging):
    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        return {**super().annotate(doc, predictions, overwrite=overwrite), "tensor": torch.zeros(1)}


@registry.tasks("test.Reckless.v1")
@dataclass(kw_only=True)
class Reckless(Tagging):
    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        return super().annotate(doc, predictions, overwrite=True)


@registry.tasks("test.Contrary.v1")
@dataclass(kw_only=True)
class Contrary(Tagging):
    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        return {"tag_acc": 1.0 - super().score(examples)["tag_acc"]}


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Unsorted("t"), "depends on the order"),
        (Meddling("t"), "a Doc has been changed"),
        (Infinite("t"), "one finite number"),
        (Detached("t"), "no gradient reaches the decoder"),
        (Fragile("t"), "the loss without any gold should be finite"),
        (Short("t"), "decode"),
        (Blank("t"), r"targets\(\) and blank\(\) differ"),
        (Tensors("t"), "tensor: Tensor"),
        (Reckless("t"), r"annotate\(overwrite=False\) changes gold"),
        (Contrary("t"), "less than the"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Task) else "",
)
def test_a_task_that_breaks_the_contract_is_told_how(task: Task, message: str, docs: list[Doc]) -> None:
    with pytest.raises((AssertionError, ValueError), match=message):
        check_task(task, docs)


def test_a_task_without_a_name_in_the_registry(docs: list[Doc]) -> None:
    with pytest.raises(Exception, match=r"cascade\.registry\.tasks"):
        check_task(Unnamed("t"), docs)


def test_a_task_needs_docs() -> None:
    with pytest.raises(AssertionError, match="needs Docs"):
        check_task(Tagging("t"), [])


@pytest.mark.parametrize(
    ("method", "replacement", "message"),
    [
        ("predict", lambda docs: [{}], "another number of predictions"),
        ("predict", lambda docs: [doc.user_data.update(seen=1) or {} for doc in docs], "a Doc has been changed"),
        ("score", lambda examples: {"tag_acc": "good"}, "scores should be numbers"),
    ],
)
def test_a_pipe_that_breaks_the_contract(
    model: CascadeModel, docs: list[Doc], vocab: Vocab, method: str, replacement: Any, message: str, tmp_path: Path
) -> None:
    storage.save(model, tmp_path / "model")
    nlp = spacy.blank("en", vocab=vocab)
    nlp.add_pipe("cascade", config={"model": str(tmp_path / "model")})
    with pytest.MonkeyPatch.context() as patch, pytest.raises(AssertionError, match=message):
        patch.setattr(CascadePipe, method, staticmethod(replacement))
        check_pipe(nlp, docs)


def test_only_a_cascade_is_checked(docs: list[Doc]) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    with pytest.raises(AssertionError, match="'sentencizer' is a Sentencizer"):
        check_pipe(nlp, docs, name="sentencizer")


@pytest.mark.parametrize(
    "task",
    [
        Retrieval("a", layer=2, hidden=8),
        Retrieval("a", compared="alone", pool="max", hidden=8),
        Reading("a", layer=1, spans=3),
        Reading("a", layer=Mix(), mentions="all", overlap="any"),
        Reading("a", layer=Recurrent(8), overlap="none"),
        Reranking("a", layer=2, hidden=8),
        Reranking("a", soft=0.0, pool="first", hidden=8),
    ],
    ids=lambda task: f"{type(task).__name__}-{task.layer}",
)
def test_tasks_about_passages_keep_the_contract(task: Task) -> None:
    check_task(task, asked())
