"""The weights' moving average, which is evaluated and saved in place of the weights themselves."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def moving_average(model: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of a model's weights; buffers are copied.

    While few steps have been taken, the decay of step n is (1 + n) / (10 + n), so that the first weights, which are
    random, are soon forgotten.

    Args:
        model: The model; the average is a copy of it, `.module`.
        decay: Weight of the average so far, once warm.
    """

    def update(average: Any, current: Any, taken: Tensor | int) -> None:
        n = int(taken)
        get_ema_multi_avg_fn(min(decay, (1 + n) / (10 + n)))(average, current, n)

    averaged = AveragedModel(model, multi_avg_fn=update)
    for parameter in averaged.parameters():
        parameter.requires_grad_(False)
    return averaged
