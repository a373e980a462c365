"""The tasks in turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from cascade.training.history import History
from cascade.training.schedules.passes import OneTask


@dataclass(frozen=True, kw_only=True)
class RoundRobin(OneTask):
    """Takes one batch of each task in turn, in graph order, over and over (Collobert and Weston 2008, section 4.1).

    Each task goes through its own Docs in an order of its own, and starts again when it is through.

    Args:
        batches: How Docs become batches.
        length: Steps of an epoch; as many as all tasks together have batches when None.
    """

    def _turns(
        self, sizes: Mapping[str, int], length: int, rng: np.random.Generator, history: History
    ) -> Iterable[str]:
        return islice(cycle(sizes), length)
