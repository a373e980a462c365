"""Every task's own way through the Docs that have gold for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cascade.training.batching import Batches
from cascade.training.schedules.base import Annotated, Step


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
