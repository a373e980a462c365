"""Between in proportion to the data and all alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cascade.training.history import History
from cascade.training.sampling.base import Sampling, normalized


@dataclass(frozen=True, kw_only=True)
class Temperature(Sampling):
    """Draws small tasks more often than their data would have it (Raffel et al. 2020, section 3.5.2).

    p_i = min(n_i, cap)^(1 / T) / sum_j min(n_j, cap)^(1 / T), with n_i the number of batches that the task's Docs make:
    in proportion to the data at T = 1, and ever more alike as T grows.

    Args:
        temperature: T, above 0.
        cap: Batches that a task counts for at most; None: as many as it has.
    """

    temperature: float = 2.0
    cap: int | None = None

    def shares(self, sizes: Mapping[str, int], history: History) -> dict[str, float]:
        """Powers of the sizes, as shares."""
        largest = max(sizes.values()) if self.cap is None else self.cap
        # Relative to the largest, since a power of a size could be too large for a float.
        return normalized(
            {task: (min(size, largest) / largest) ** (1 / self.temperature) for task, size in sizes.items()}
        )

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """A temperature or a cap that has no sense."""
        problems = [] if self.temperature > 0 else [f"temperature= has to be above 0, got {self.temperature}"]
        return problems + (
            [f"cap= has to be 1 or more, got {self.cap}"] if self.cap is not None and self.cap < 1 else []
        )
