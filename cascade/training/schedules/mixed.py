"""The tasks in turn, each with a number of batches of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import ClassVar

import numpy as np

from cascade.training.batching import Batches
from cascade.training.history import History
from cascade.training.sampling.base import strangers
from cascade.training.schedules.base import Annotated, Schedule, Step, wrong_length
from cascade.training.schedules.passes import Passes


@dataclass(frozen=True, kw_only=True)
class Mixed(Schedule):
    """Takes the tasks in turn, each with its number of batches of a mixing ratio (Guo et al. 2019, stage 2).

    With the ratio 3 : 1, three batches of the one task come before one of the other, over and over, in graph order.
    Each task goes through its own Docs in an order of its own, and starts again when it is through.

    Args:
        ratio: Batches in a turn, by task; a task that is not named is not trained.
        batches: How Docs become batches.
        length: Steps of an epoch; as many as the tasks of the ratio together have batches when None.
    """

    ratio: Mapping[str, int]
    batches: Batches = Batches(words=1000)
    length: int | None = None

    sweeps: ClassVar[bool] = False

    def steps(
        self, corpora: Sequence[Annotated], tasks: Sequence[str], rng: np.random.Generator, history: History
    ) -> list[Step]:
        """Turn after turn, cut off at the epoch's length."""
        passes = Passes(corpora, [task for task in tasks if self.ratio.get(task)], self.batches, rng)
        turn = [task for task in passes.sizes for _ in range(self.ratio[task])]
        length = sum(passes.sizes.values()) if self.length is None else self.length
        return [passes.step(task) for task in islice(cycle(turn), length)]

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """A ratio that names no task of the graph, has no sense, or trains nothing; a length that has no sense."""
        problems = strangers("ratio=", self.ratio, tasks)
        if any(number < 0 or number != int(number) for number in self.ratio.values()) or not any(self.ratio.values()):
            problems.append(f"ratio= has to be of whole numbers, one of them above 0, got {dict(self.ratio)}")
        return problems + wrong_length(self.length)
