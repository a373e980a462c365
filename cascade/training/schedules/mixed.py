"""The tasks in turn, each with a number of batches of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from cascade.training.history import History
from cascade.training.sampling.base import strangers
from cascade.training.schedules.passes import OneTask


@dataclass(frozen=True, kw_only=True)
class Mixed(OneTask):
    """Takes the tasks in turn, each with its number of batches of a mixing ratio (Guo et al. 2019, stage 2).

    With the ratio 3 : 1, three batches of the one task come before one of the other, over and over, in graph order.
    Each task goes through its own Docs in an order of its own, and starts again when it is through.

    Args:
        ratio: Batches in a turn, by task; a task that is not named is not trained.
        batches: How Docs become batches.
        length: Steps of an epoch; as many as the tasks of the ratio together have batches when None.
    """

    ratio: Mapping[str, int]

    def _trained(self, tasks: Sequence[str]) -> Sequence[str]:
        return [task for task in tasks if self.ratio.get(task)]

    def _turns(
        self, sizes: Mapping[str, int], length: int, rng: np.random.Generator, history: History
    ) -> Iterable[str]:
        return islice(cycle(task for task in sizes for _ in range(self.ratio[task])), length)

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """A ratio that names no task of the graph, has no sense, or trains nothing; a length that has no sense."""
        problems = strangers("ratio=", self.ratio, tasks)
        if any(number < 0 or number != int(number) for number in self.ratio.values()) or not any(self.ratio.values()):
            problems.append(f"ratio= has to be of whole numbers, one of them above 0, got {dict(self.ratio)}")
        return problems + super().problems(tasks, within_epochs=within_epochs)
