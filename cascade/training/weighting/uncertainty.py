"""Weights that are learned as the noise of each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cascade.model import CascadeModel
from cascade.training.history import History
from cascade.training.weighting.base import Weighting, require_tasks


@dataclass(kw_only=True)
class Uncertainty(Weighting):
    """Weighs a task by its noise, which is learned: homoscedastic uncertainty (Kendall et al. 2018, section 3.2).

    With s_i = log sigma_i^2, the paper's variance of a task's noise, a task of classification minimizes
    exp(-s_i) L_i + s_i / 2 (equation 10), and a task of regression exp(-s_i) L_i / 2 + s_i / 2 (equation 7). Every s_i
    begins at 0; for a loss that stays as it is, it goes to log(2 L_i), and to log(L_i) for regression. A batch moves
    the s_i of its own tasks alone.

    Args:
        regression: Tasks whose loss is a squared error.
    """

    regression: Sequence[str] = ()

    def begin(self, model: CascadeModel) -> None:
        """Make the parameters.

        Raises:
            TrainingError: `regression` names no task of the model.
        """
        require_tasks(model, "regression", self.regression)
        self._log_variances = {
            task: torch.zeros((), device=model.device, requires_grad=True) for task in model.graph.order()
        }

    def weigh(self, losses: Mapping[str, Tensor], history: History) -> dict[str, Tensor]:
        """exp(-s_i) L_i + s_i / 2, with half the loss for regression."""
        return {task: self._weighed(task, loss) for task, loss in losses.items()}

    def _weighed(self, task: str, loss: Tensor) -> Tensor:
        s, share = self._log_variances[task], 0.5 if task in self.regression else 1.0
        return share * torch.exp(-s) * loss + 0.5 * s

    def parameters(self) -> list[Tensor]:
        """The s_i, one for each task in graph order. Shape of each: []."""
        return list(self._log_variances.values())

    def state_dict(self) -> dict[str, Tensor]:
        """The s_i by task."""
        return {task: s.detach() for task, s in self._log_variances.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take up the s_i, in place, since the optimizer holds them."""
        with torch.no_grad():
            for task, s in self._log_variances.items():
                s.copy_(state[task])
