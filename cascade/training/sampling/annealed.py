"""From in proportion to the data to nearly all alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cascade.training.history import History
from cascade.training.sampling.base import Sampling, normalized


@dataclass(frozen=True, kw_only=True)
class Annealed(Sampling):
    """Draws by size at first and nearly alike at the end: annealed sampling (Stickland and Murray 2019, section 4.1).

    In epoch e = 1, ..., E, p_i = n_i^a / sum_j n_j^a with a = 1 - fall (e - 1) / (E - 1), and with n_i the number of
    batches that the task's Docs make. E is the number of epochs at most, and a is 1 where that is 1.

    Args:
        fall: By how much a falls, from 0 to 1.
    """

    fall: float = 0.8

    def shares(self, sizes: Mapping[str, int], history: History) -> dict[str, float]:
        """n_i^a, as shares."""
        power = 1 - self.fall * history.epoch / max(history.epochs - 1, 1)
        return normalized({task: size**power for task, size in sizes.items()})

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """A fall that has no sense."""
        return [] if 0 <= self.fall <= 1 else [f"fall= has to be from 0 to 1, got {self.fall}"]
