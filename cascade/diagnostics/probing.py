"""Batches of every task, on which training is looked at from time to time, and what was seen, line by line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from spacy.tokens import Doc

from cascade.model import CascadeModel
from cascade.training import Corpus
from cascade.training.corpus import annotated
from cascade.training.freezing import frozen_tasks
from cascade.training.metrics import Metrics
from cascade.training.schedules import Step


class Probes:
    """Draws batches so that every task that is trained has one: a common one for tasks with gold in the same Docs.

    A schedule may train one task at a time; these batches make tasks comparable all the same.

    Args:
        corpora: The training Docs.
        docs: Docs of a batch.
        seed: What they are drawn by.
        frozen: Tasks that are not trained; see `Trainer`. Nor is what a trained model knows and no Doc has gold for.
    """

    def __init__(self, corpora: Sequence[Corpus], *, docs: int, seed: int, frozen: Collection[str] = ()) -> None:
        self.corpora, self.docs, self.seed, self.frozen = corpora, docs, seed, frozen
        self._known: list[tuple[Doc, tuple[str, ...]]] = []

    def draw(self, model: CascadeModel, number: int) -> list[Step]:
        """The batches of an update; those of the same update are always the same.

        Args:
            model: The model, which knows its labels.
            number: Of the update.
        """
        if not self._known:
            found = annotated(model, self.corpora, frozen=frozen_tasks(model, self.frozen), required=())
            self._known = [entry for corpus in found for entry in corpus]
        trained = {task for _, gold in self._known for task in gold}
        rng, steps = np.random.default_rng([self.seed, number]), list[Step]()
        left = [task for task in model.graph.order() if task in trained]
        while left:
            able = [place for place, (_, gold) in enumerate(self._known) if left[0] in gold]
            chosen = [self._known[able[i]] for i in rng.permutation(len(able))[: self.docs]]
            served = tuple(task for task in left if all(task in gold for _, gold in chosen))
            steps.append(Step([doc for doc, _ in chosen], served))
            left = [task for task in left if task not in served]
        return steps


class Sightings:
    """What was seen in the course of a run, one JSON object a line, in a file of its folder.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.metrics = Metrics(path)

    def add(self, number: int, row: dict[str, Any]) -> None:
        """Add what was seen before an update; what a run that is resumed sees again takes the old one's place."""
        self.metrics.truncate(sum(1 for seen in self.metrics.rows() if seen["update"] < number))
        self.metrics.append({"update": number, **row})

    def rows(self) -> list[dict[str, Any]]:
        """All of it."""
        return self.metrics.rows()
