"""One task a step, drawn by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cascade.training.batching import Batches
from cascade.training.history import History
from cascade.training.sampling import Proportional, Sampling
from cascade.training.schedules.base import Annotated, Schedule, Step, wrong_length
from cascade.training.schedules.passes import Passes


@dataclass(frozen=True, kw_only=True)
class Sampled(Schedule):
    """Draws one task a step, with a batch of the Docs that have gold for it (Sogaard and Goldberg 2016, section 2).

    Each task goes through its own Docs in an order of its own, and starts again when it is through. The tasks are drawn
    from a distribution that the sampling sets for each epoch.

    Args:
        sampling: How often each task is drawn.
        batches: How Docs become batches.
        length: Steps of an epoch; as many as all tasks together have batches when None.
    """

    sampling: Sampling = Proportional()
    batches: Batches = Batches(words=1000)
    length: int | None = None

    sweeps: ClassVar[bool] = False

    def steps(
        self, corpora: Sequence[Annotated], tasks: Sequence[str], rng: np.random.Generator, history: History
    ) -> list[Step]:
        """Draws, with a batch for each; none where no task has gold."""
        passes = Passes(corpora, tasks, self.batches, rng)
        names = list(passes.sizes)
        if not names:
            return []
        shares = self.sampling.shares(passes.sizes, history)
        length = sum(passes.sizes.values()) if self.length is None else self.length
        drawn = rng.choice(len(names), size=length, p=[shares[name] for name in names])
        return [passes.step(names[i]) for i in drawn]

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """Those of the sampling, and a length that has no sense."""
        return self.sampling.problems(tasks, within_epochs=within_epochs) + wrong_length(self.length)
