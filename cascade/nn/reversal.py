"""A layer that turns the gradient around."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, states: Tensor, scale: float) -> Tensor:
        context.scale = scale
        return states.view_as(states)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -context.scale * gradients[0], None


def reverse(states: Tensor, scale: float) -> Tensor:
    """The identity, whose gradient is -scale times the one that arrives (Ganin et al. 2016, equation 14).

    Args:
        states: Shape: any.
        scale: 0 lets no gradient through.
    """
    reversed_: Tensor = _Reversal.apply(states, scale)  # type: ignore[no-untyped-call]
    return reversed_


def ramp(progress: float) -> float:
    """How the scale rises from 0 towards 1: 2 / (1 + exp(-10 p)) - 1 (Ganin et al. 2016, section 5.2.2).

    Args:
        progress: p, from 0 to 1.
    """
    return float(torch.tensor(5.0 * progress).tanh())
