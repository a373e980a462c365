"""Fixed weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training.history import History
from cascade.training.weighting.base import Weighting, require_tasks


@dataclass(kw_only=True)
class Static(Weighting):
    """A fixed weight for every task's loss; without settings, the plain sum of the losses (Caruana 1997).

    A batch minimizes sum_i w_i L_i over its tasks.

    Args:
        weights: w_i by task, 0 or more; 1 for all others.
    """

    weights: Mapping[str, float] = field(default_factory=dict)

    def begin(self, model: CascadeModel) -> None:
        """Check the weights.

        Raises:
            TrainingError: A weight names no task of the model, or is negative or not finite.
        """
        require_tasks(model, "weights", self.weights)
        wrong = {name: w for name, w in self.weights.items() if not 0 <= w < math.inf}
        if wrong:
            raise TrainingError(f"weighting: weights= have to be 0 or more, and finite, got {wrong}")

    def weigh(self, losses: Mapping[str, Tensor], history: History) -> dict[str, Tensor]:
        """w_i L_i."""
        return {task: self.weights.get(task, 1.0) * loss for task, loss in losses.items()}
