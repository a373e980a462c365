"""The tasks in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import ClassVar

import numpy as np

from cascade.training.batching import Batches
from cascade.training.history import History
from cascade.training.schedules.base import Annotated, Schedule, Step, wrong_length
from cascade.training.schedules.passes import Passes


@dataclass(frozen=True, kw_only=True)
class RoundRobin(Schedule):
    """Takes one batch of each task in turn, in graph order, over and over (Collobert and Weston 2008, section 4.1).

    Each task goes through its own Docs in an order of its own, and starts again when it is through.

    Args:
        batches: How Docs become batches.
        length: Steps of an epoch; as many as all tasks together have batches when None.
    """

    batches: Batches = Batches(words=1000)
    length: int | None = None

    sweeps: ClassVar[bool] = False

    def steps(
        self, corpora: Sequence[Annotated], tasks: Sequence[str], rng: np.random.Generator, history: History
    ) -> list[Step]:
        """The tasks in turn."""
        passes = Passes(corpora, tasks, self.batches, rng)
        length = sum(passes.sizes.values()) if self.length is None else self.length
        return [passes.step(task) for task in islice(cycle(passes.sizes), length)]

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """A length that has no sense."""
        return wrong_length(self.length)
