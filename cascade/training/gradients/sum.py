"""The sum of the gradients."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from cascade.training.gradients.base import Gradients


@dataclass(frozen=True, kw_only=True)
class Sum(Gradients):
    """The sum of all gradients, which is that of the sum of the losses (Caruana 1997).

    d = sum_i g_i. It costs one backward pass for all tasks together.
    """

    def combine(self, gradients: Tensor) -> Tensor:
        """sum_i g_i."""
        return gradients.sum(0)
