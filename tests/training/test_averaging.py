from __future__ import annotations

import pytest
import torch
from torch import nn

from cascade.training.averaging import moving_average


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
        self.register_buffer("seen", torch.zeros(()))


def test_the_average_worked_by_hand() -> None:
    """Decays of updates 1 to 4: 2/11, 3/12, 4/13, then 0.3 at most."""
    model = Scale()
    averaged = moving_average(model, 0.3)
    expected = 0.0
    for n, value in enumerate([4.0, 8.0, -2.0, 5.0, 1.0]):
        with torch.no_grad():
            model.weight.fill_(value)
            model.seen.fill_(n)
        averaged.update_parameters(model)
        decay = (0.0, 2 / 11, 3 / 12, 0.3, 0.3)[n]
        expected = decay * expected + (1 - decay) * value
        assert averaged.module.weight.tolist() == pytest.approx([expected] * 2)
        assert averaged.module.seen == n


def test_the_average_is_apart_from_the_model_and_is_not_trained() -> None:
    model = Scale()
    averaged = moving_average(model, 0.999)
    averaged.update_parameters(model)
    with torch.no_grad():
        model.weight += 1
    assert averaged.module.weight.tolist() == [0.0, 0.0]
    assert not averaged.module.weight.requires_grad
    assert model.weight.requires_grad


def test_weights_that_do_not_move_are_kept_bit_by_bit() -> None:
    model = nn.Linear(7, 5)
    averaged = moving_average(model, 0.999)
    for _ in range(20):
        averaged.update_parameters(model)
    assert torch.equal(averaged.module.weight, model.weight)
