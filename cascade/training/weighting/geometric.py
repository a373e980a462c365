"""Weights that make the sum of the losses their geometric mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cascade.model import CascadeModel
from cascade.training.history import History
from cascade.training.weighting.base import Weighting, require_several


@dataclass(kw_only=True)
class Geometric(Weighting):
    """Minimizes the geometric mean of the losses: the geometric loss strategy (Chennupati et al. 2019, section 3).

    G = (L_1 ... L_n)^(1/n) over the n tasks of the batch, whose derivative by L_i is G / (n L_i): that is the weight of
    L_i, and no gradient flows through it, so that the weighed losses have the sum and the gradient of G. Whatever
    units a loss is in, they drop out. A loss of 0 has nothing to teach, and is left out of the mean.

    A batch with a single task has the loss of that task: under a schedule that goes task by task, nothing changes.
    """

    def begin(self, model: CascadeModel) -> None:
        """Check the number of tasks.

        Raises:
            TrainingError: There is one task only.
        """
        require_several(model, "Geometric")

    def weigh(self, losses: Mapping[str, Tensor], history: History) -> dict[str, Tensor]:
        """G / (n L_i) * L_i."""
        values = torch.stack([loss.detach() for loss in losses.values()])
        positive = values > 0
        number = positive.sum().clamp(min=1)
        logs = values.where(positive, 1.0).log()
        weights = ((logs.sum() / number - logs).exp() / number).where(positive, 0.0)
        return {task: weight * loss for weight, (task, loss) in zip(weights, losses.items(), strict=True)}
