"""A task is drawn as often as its data is large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cascade.training.history import History
from cascade.training.sampling.base import Sampling, normalized


@dataclass(frozen=True, kw_only=True)
class Proportional(Sampling):
    """Draws a task in proportion to its data, so that every Doc comes as often (Raffel et al. 2020, section 3.5.2).

    p_i = n_i / sum_j n_j, with n_i the number of batches that the task's Docs make.
    """

    def shares(self, sizes: Mapping[str, int], history: History) -> dict[str, float]:
        """n_i / sum_j n_j."""
        return normalized(sizes)
