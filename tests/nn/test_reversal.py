from __future__ import annotations

import math

import pytest
import torch

from cascade.nn.reversal import ramp, reverse


@pytest.mark.parametrize("scale", [0.0, 0.05, 1.0, 3.0])
def test_values_pass_and_the_gradient_comes_back_turned_around(scale: float) -> None:
    states = torch.randn(3, 4, requires_grad=True)
    weights = torch.randn(3, 4)
    passed = reverse(states, scale)
    assert torch.equal(passed, states)
    (gradient,) = torch.autograd.grad((passed * weights).sum(), states)
    torch.testing.assert_close(gradient, -scale * weights)


def test_only_what_goes_through_is_turned_around() -> None:
    x = torch.tensor(2.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(x**2 + reverse(x, 0.5) ** 3, x)
    torch.testing.assert_close(gradient, torch.tensor(2 * 2.0 - 0.5 * 3 * 2.0**2))


def test_the_ramp() -> None:
    assert ramp(0.0) == 0.0
    for p in (0.1, 0.37, 1.0):
        assert ramp(p) == pytest.approx(2 / (1 + math.exp(-10 * p)) - 1, abs=1e-6)
