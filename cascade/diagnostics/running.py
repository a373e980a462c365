"""Runs of a model on annotated Docs: batches with the gold of what is scored, predictions, and their scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from spacy.tokens import Doc
from spacy.training import Example

from cascade import docs as documents
from cascade.data.batches import Batch, by_length
from cascade.errors import DataError
from cascade.evaluation import bare_copy, gold_tasks
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.tasks.base import Predictions
from cascade.training.scoring import main_score

Found = list[dict[str, Predictions]]
"""Predictions by task, for every Doc."""


@dataclass(frozen=True)
class Part:
    """Some Docs as a batch.

    Args:
        docs: The Docs.
        batch: The same as tensors, with the gold of every task that is scored.
    """

    docs: list[Doc]
    batch: Batch

    def with_gold(self, task: str, targets: Mapping[str, torch.Tensor]) -> Part:
        """The same with other gold of a task."""
        return Part(self.docs, replace(self.batch, targets={**self.batch.targets, task: targets}))


def parts_of(model: CascadeModel, docs: Sequence[Doc], words: int) -> list[Part]:
    """Docs as batches, those of like length together.

    Args:
        model: The model.
        docs: Docs with gold for any of the tasks; of labels that a task does not know, nothing is known. That of
            auxiliary tasks is not read, as it is not at prediction: it may hide words.
        words: Words per batch.
    """
    places = by_length([documents.size(doc) for doc in docs], words)
    chosen = ([docs[i] for i in own] for own in places)
    return [Part(own, model.batch(own, targets=model.usual)) for own in chosen]


def with_gold(model: CascadeModel, docs: Sequence[Doc], tasks: Iterable[str]) -> list[Doc]:
    """The Docs that have gold for all of these tasks."""
    wanted = [model.task(name) for name in tasks]
    return [doc for doc in docs if len(gold_tasks(doc, wanted)) == len(wanted)]


@contextmanager
def mode(model: CascadeModel, *, training: bool) -> Iterator[None]:
    """The model in training or in prediction, and afterwards as it was."""
    before = model.training
    model.train(training)
    try:
        yield
    finally:
        model.train(before)


def outputs(model: CascadeModel, part: Part, tasks: Iterable[str], given: Iterable[str] = ()) -> dict[str, Output]:
    """What tasks compute at prediction; `given` ones among those upstream are replaced by their gold."""
    # No inference mode: rows cache what they work out, and a later pass of the same batch may want gradients.
    with mode(model, training=False), torch.no_grad():
        made: dict[str, Output] = model(part.batch, tasks, given=given)
    return made


def predict(model: CascadeModel, parts: Iterable[Part], tasks: Sequence[str], given: Iterable[str] = ()) -> Found:
    """Predictions, as `CascadeModel.predict` gives them.

    It reads the gold of the batches where that takes a Doc's annotation, so that gold may be put in that no Doc could
    hold, and labels that a task does not know count as unknown.

    Args:
        model: The model.
        parts: The batches.
        tasks: What is predicted.
        given: Tasks whose gold takes the place of their predictions, for the tasks that read them.
    """
    found: Found = []
    given = list(given)
    for part in parts:
        made = outputs(model, part, tasks, given)
        with torch.no_grad():
            decoded = {name: model.task(name).decode(made[name]) for name in tasks}
        cut = {
            name: {key: part.batch.split(model.task(name).unit, v, made[name].rows) for key, v in own.items()}
            for name, own in decoded.items()
        }
        found += [{name: {k: v[i] for k, v in own.items()} for name, own in cut.items()} for i in range(len(part.docs))]
    return found


def examples(model: CascadeModel, parts: Iterable[Part], found: Found, task: str) -> list[Example]:
    """Predictions of a task beside the gold, of the Docs that have gold for it."""
    docs = [doc for part in parts for doc in part.docs]
    chosen = model.task(task)
    made = []
    for doc, predictions in zip(docs, found, strict=True):
        if gold_tasks(doc, [chosen]):
            bare = bare_copy(doc)
            chosen.annotate(bare, predictions[task])
            made.append(Example(bare, doc))
    return made


def score(model: CascadeModel, made: Sequence[Example], task: str) -> tuple[str, float]:
    """Name and value of the figure that stands for a task."""
    chosen = model.task(task)
    return main_score(chosen, chosen.score(made))


def require_gold(model: CascadeModel, docs: Sequence[Doc]) -> None:
    """See that there is gold for some task that is scored.

    Raises:
        DataError: There is none in any Doc.
    """
    tasks = [model.task(name) for name in model.usual]
    if not any(gold_tasks(doc, tasks) for doc in docs):
        raise DataError(
            f"expected gold for {' or '.join(model.usual)} in {len(docs):,} Docs, got none: name other files, "
            "or another reader"
        )
