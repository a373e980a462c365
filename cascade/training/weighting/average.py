"""Weights by the rate at which losses fall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training.history import History
from cascade.training.weighting.base import Weighting, require_several


@dataclass(kw_only=True)
class DynamicAverage(Weighting):
    """Favours tasks whose losses fall slowly: dynamic weight average (Liu et al. 2019, section 4.1, equation 7).

    The weights of epoch t are w = T softmax(r / tau) over all T tasks of the graph, with r_i = L_i(t-1) / L_i(t-2) by
    the mean losses of the two epochs before; in the first two epochs they are 1. A task that has not been trained in
    both of them counts as one whose loss stays as it is, r_i = 1.

    Args:
        temperature: tau, above 0; the higher it is, the more alike are the weights.
    """

    temperature: float = 2.0

    def begin(self, model: CascadeModel) -> None:
        """Note the tasks.

        Raises:
            TrainingError: There is one task only, or the temperature is not positive.
        """
        require_several(model, "DynamicAverage")
        if not self.temperature > 0:
            raise TrainingError(f"weighting: temperature= has to be above 0, got {self.temperature}")
        self._tasks = model.graph.order()

    def weigh(self, losses: Mapping[str, Tensor], history: History) -> dict[str, Tensor]:
        """w_i L_i."""
        weights = self._weights(history)
        return {task: weights[task] * loss for task, loss in losses.items()}

    def _weights(self, history: History) -> dict[str, float]:
        if len(history.losses) < 2:
            return dict.fromkeys(self._tasks, 1.0)
        before, last = history.losses[-2:]
        rates = torch.tensor([_rate(last.get(task), before.get(task)) for task in self._tasks], dtype=torch.double)
        weights = len(self._tasks) * torch.softmax(rates / self.temperature, 0)
        return dict(zip(self._tasks, weights.tolist(), strict=True))


def _rate(last: float | None, before: float | None) -> float:
    return last / before if last is not None and before else 1.0
