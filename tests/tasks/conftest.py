"""What the tests of tasks share: bare copies of Docs, predictions made of gold, and a small training loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc, Span
from torch import Tensor

from cascade.docs import PAIR
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.tasks import Task

Results = tuple[list[Doc], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def nlp() -> Language:
    return spacy.blank("en")


@pytest.fixture
def pair(nlp: Language) -> Callable[..., Doc]:
    """Makes a sentence pair of two texts and its `doc.cats`."""

    def make(first: str, second: str, **cats: float) -> Doc:
        doc = Doc.from_docs([nlp.make_doc(first), nlp.make_doc(second)])
        assert doc is not None
        cut = len(nlp.make_doc(first))
        doc.spans[PAIR] = [Span(doc, 0, cut), Span(doc, cut, len(doc))]
        doc.cats = cats
        return doc

    return make


def bare_copy(doc: Doc) -> Doc:
    copy = Doc(doc.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc])
    if PAIR in doc.spans:
        copy.spans[PAIR] = [Span(copy, span.start, span.end) for span in doc.spans[PAIR]]
    return copy


@pytest.fixture
def bare() -> Callable[[Doc], Doc]:
    """Copies words and pairs alone."""
    return bare_copy


def small_model(*tasks: Task, docs: Sequence[Doc], **after: Any) -> CascadeModel:
    encoder = Embedding(words=16, characters=16, vocabulary=200, buckets=500, alpha=0.0)
    graph = TaskGraph(encoder=encoder)
    for task in tasks:
        graph.add(task, after=after.get(task.name))
    return CascadeModel(graph).initialize(docs)


@pytest.fixture
def built() -> Callable[..., CascadeModel]:
    """Makes a small model of tasks, initialized with Docs; edges by downstream name as keywords."""
    return small_model


def probable(gold: Tensor) -> Tensor:
    return gold.clamp(min=1e-9).log()


@pytest.fixture
def perfect() -> Callable[..., Results]:
    """Annotates bare copies of Docs with what a decoder that scores gold highest would predict."""

    @torch.no_grad()
    def run(task: Task, docs: Sequence[Doc], *, logits: Callable[[Tensor], Tensor] = probable) -> Results:
        model = small_model(task, docs=docs).eval()
        batch = model.batch(docs, targets=[task.name])
        output, task = model(batch, [task.name])[task.name], model.task(task.name)
        gold, _ = task.gold(batch.targets[task.name])
        decoded = task.decode(replace(output, scores={"hidden": output.hidden, "logits": logits(gold)}))
        parts = {name: batch.split(task.unit, values, output.rows) for name, values in decoded.items()}
        copies = [bare_copy(doc) for doc in docs]
        results = [task.annotate(doc, {name: p[i] for name, p in parts.items()}) for i, doc in enumerate(copies)]
        return copies, results

    return run


@pytest.fixture
def predict() -> Callable[[CascadeModel, Sequence[Doc]], list[Doc]]:
    """Annotates bare copies of Docs with a model's predictions."""

    def run(model: CascadeModel, docs: Sequence[Doc]) -> list[Doc]:
        copies = [bare_copy(doc) for doc in docs]
        for doc, predictions in zip(copies, model.predict(copies), strict=True):
            for name, found in predictions.items():
                model.task(name).annotate(doc, found)
        return copies

    return run


@pytest.fixture
def overfit() -> Callable[..., CascadeModel]:
    """Trains a small model on Docs until it should know them by heart."""

    def run(*tasks: Task, docs: Sequence[Doc], steps: int = 60, **after: Any) -> CascadeModel:
        model = small_model(*tasks, docs=docs, **after).train()
        names = [task.name for task in tasks]
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(steps):
            optimizer.zero_grad()
            sum(model.losses(model.batch(docs, targets=names), names).values(), torch.zeros(())).backward()
            optimizer.step()
        return model

    return run
