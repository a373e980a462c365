"""Schedules whose every step is about one task, each task on a way of its own through the Docs with gold for it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cascade.training.batching import Batches
from cascade.training.history import History
from cascade.training.schedules.base import Annotated, Schedule, Step


class Passes:
    """Batches of one task each, from shuffled Docs; a task that is through its Docs starts again with another shuffle.

    Args:
        corpora: The training Docs.
        tasks: The tasks; those without a Doc are left out.
        batches: How Docs become batches.
        rng: Draws the shuffles.
    """

    def __init__(
        self, corpora: Sequence[Annotated], tasks: Sequence[str], batches: Batches, rng: np.random.Generator
    ) -> None:
        self.batches, self.rng = batches, rng
        docs = {task: [doc for corpus in corpora for doc, gold in corpus if task in gold] for task in tasks}
        self.docs = {task: own for task, own in docs.items() if own}
        self._left = {task: self._shuffled(task) for task in self.docs}
        self.sizes = {task: len(left) for task, left in self._left.items()}
        """Batches of a pass, by task in graph order."""

    def step(self, task: str) -> Step:
        """The next batch of a task."""
        if not self._left[task]:
            self._left[task] = self._shuffled(task)
        return Step([self.docs[task][i] for i in self._left[task].pop()], (task,))

    def _shuffled(self, task: str) -> list[list[int]]:
        return self.batches.cut(self.docs[task], self.rng)[::-1]


@dataclass(frozen=True, kw_only=True)
class OneTask(Schedule):
    """Steps of one task each.

    Args:
        batches: How Docs become batches.
        length: Steps of an epoch; as many as all its tasks together have batches when None.
    """

    batches: Batches = Batches(words=1000)
    length: int | None = None

    sweeps: ClassVar[bool] = False

    def steps(
        self, corpora: Sequence[Annotated], tasks: Sequence[str], rng: np.random.Generator, history: History
    ) -> list[Step]:
        """A batch for every turn; none where no task has gold."""
        passes = Passes(corpora, self._trained(tasks), self.batches, rng)
        length = sum(passes.sizes.values()) if self.length is None else self.length
        turns = self._turns(passes.sizes, length, rng, history) if passes.sizes else []
        return [passes.step(task) for task in turns]

    def _trained(self, tasks: Sequence[str]) -> Sequence[str]:
        """Those of all tasks that it trains."""
        return tasks

    @abstractmethod
    def _turns(
        self, sizes: Mapping[str, int], length: int, rng: np.random.Generator, history: History
    ) -> Iterable[str]:
        """The task of every step.

        Args:
            sizes: Batches of a pass, by task with gold.
            length: How many steps there are.
            rng: Source of everything random.
            history: What the run had seen when the epoch began.
        """

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """A length that has no sense."""
        wrong = self.length is not None and self.length < 1
        return [f"length= has to be 1 or more, got {self.length}"] if wrong else []
