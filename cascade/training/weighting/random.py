"""Weights that are drawn anew for every batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cascade.model import CascadeModel
from cascade.training.history import History
from cascade.training.weighting.base import Weighting, require_several


@dataclass(kw_only=True)
class RandomWeights(Weighting):
    """Draws the weights anew for every batch: random loss weighting (Lin et al. 2022, section 3).

    w = T softmax(z), with z_i drawn from N(0, 1) for each of the T tasks of the graph, also for those that the batch
    does not carry. So every weight is 1 on average, in whatever company its task comes.
    """

    def begin(self, model: CascadeModel) -> None:
        """Note the tasks.

        Raises:
            TrainingError: There is one task only.
        """
        require_several(model, "RandomWeights")
        self._tasks = model.graph.order()

    def weigh(self, losses: Mapping[str, Tensor], history: History) -> dict[str, Tensor]:
        """w_i L_i."""
        weights = len(self._tasks) * torch.softmax(torch.randn(len(self._tasks)), 0)
        drawn = dict(zip(self._tasks, weights.tolist(), strict=True))
        return {task: drawn[task] * loss for task, loss in losses.items()}
