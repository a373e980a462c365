"""Tasks whose losses hardly fall are drawn more often."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cascade.training.history import History
from cascade.training.sampling.base import Sampling, normalized


@dataclass(frozen=True, kw_only=True)
class LossDriven(Sampling):
    """Draws the tasks more often whose losses fall more slowly, by the rates of Liu et al. (2019, equation 7).

    p_i = exp(r_i / T) / sum_j exp(r_j / T), with r_i = L_i(e - 1) / L_i(e - 2) the ratio of the task's mean losses in
    the last two epochs that it was drawn in; r_i = 1 before there are two. The paper weighs losses by it (dynamic
    weight average); here it decides which ones are computed.

    Args:
        temperature: T, above 0; 2 in the paper. The lower it is, the more a difference counts.
    """

    temperature: float = 0.5

    def shares(self, sizes: Mapping[str, int], history: History) -> dict[str, float]:
        """Softmax of the rates."""
        rates = {task: _rate(task, history) / self.temperature for task in sizes}
        highest = max(rates.values())
        return normalized({task: math.exp(rate - highest) for task, rate in rates.items()})

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """A temperature that has no sense."""
        return [] if self.temperature > 0 else [f"temperature= has to be above 0, got {self.temperature}"]


def _rate(task: str, history: History) -> float:
    losses = [epoch[task] for epoch in history.losses if task in epoch][-2:]
    return losses[1] / losses[0] if len(losses) == 2 and losses[0] else 1.0
