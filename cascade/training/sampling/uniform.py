"""One task is drawn as often as another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cascade.training.history import History
from cascade.training.sampling.base import Sampling


@dataclass(frozen=True, kw_only=True)
class Uniform(Sampling):
    """Draws every task with the same chance: one random task a step (Sogaard and Goldberg 2016, section 2).

    p_i = 1 / number of tasks, however much data a task has.
    """

    def shares(self, sizes: Mapping[str, int], history: History) -> dict[str, float]:
        """1 / number of tasks."""
        return dict.fromkeys(sizes, 1 / len(sizes))
