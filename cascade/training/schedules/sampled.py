"""One task a step, drawn by chance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cascade.training.history import History
from cascade.training.sampling import Proportional, Sampling
from cascade.training.schedules.passes import OneTask


@dataclass(frozen=True, kw_only=True)
class Sampled(OneTask):
    """Draws one task a step, with a batch of the Docs that have gold for it (Sogaard and Goldberg 2016, section 2).

    Each task goes through its own Docs in an order of its own, and starts again when it is through. The tasks are drawn
    from a distribution that the sampling sets for each epoch.

    Args:
        sampling: How often each task is drawn.
        batches: How Docs become batches.
        length: Steps of an epoch; as many as all tasks together have batches when None.
    """

    sampling: Sampling = Proportional()

    def _turns(
        self, sizes: Mapping[str, int], length: int, rng: np.random.Generator, history: History
    ) -> Iterable[str]:
        names, shares = list(sizes), self.sampling.shares(sizes, history)
        return [names[i] for i in rng.choice(len(names), size=length, p=[shares[name] for name in names])]

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """Those of the sampling, and a length that has no sense."""
        own = super().problems(tasks, within_epochs=within_epochs)
        return self.sampling.problems(tasks, within_epochs=within_epochs) + own
