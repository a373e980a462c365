"""The weights' moving average, which is evaluated and saved in place of the weights themselves."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def moving_average(model: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of a model's weights; buffers are copied.

    After the first update it is the weights themselves. Update n (from 0) then decays it by (1 + n) / (10 + n), until
    that reaches `decay`: so the random weights of the beginning are soon forgotten.

    Args:
        model: The model; the average is a copy of it, `.module`.
        decay: Weight of the average so far, once warm.
    """

    def update(average: Any, current: Any, taken: Tensor | int) -> None:
        n = int(taken)
        get_ema_multi_avg_fn(min(decay, (1 + n) / (10 + n)))(average, current, n)  # type: ignore[no-untyped-call]

    averaged = AveragedModel(model, multi_avg_fn=update)
    return averaged.requires_grad_(False)
