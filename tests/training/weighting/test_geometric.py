from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cascade.training.history import History
from cascade.training.weighting import Geometric


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=5))
def test_value_and_gradient_are_those_of_the_geometric_mean(values: list[float]) -> None:
    leaves = torch.tensor(values, dtype=torch.double, requires_grad=True)
    losses = {str(i): loss for i, loss in enumerate(leaves)}
    ours = torch.stack(list(Geometric().weigh(losses, History()).values())).sum()
    theirs = torch.prod(leaves) ** (1 / len(values))
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(ours, leaves)[0], torch.autograd.grad(theirs, leaves)[0])


def test_through_what_tasks_share() -> None:
    """d/dx sqrt(x^2 * exp(x)) at x = 1, by hand: sqrt(e) * (1 + 1/2)."""
    x = torch.tensor(1.0, requires_grad=True)
    torch.stack(list(Geometric().weigh({"a": x**2, "b": x.exp()}, History()).values())).sum().backward()
    assert float(x.grad) == pytest.approx(1.5 * 2.718281828**0.5, rel=1e-6)


def test_a_loss_of_0_silences_nobody() -> None:
    leaves = torch.tensor([4.0, 0.0, 9.0], requires_grad=True)
    weighed = Geometric().weigh(dict(zip("abc", leaves, strict=True)), History())
    torch.stack(list(weighed.values())).sum().backward()
    assert leaves.grad.tolist() == pytest.approx([6 / (2 * 4), 0.0, 6 / (2 * 9)], rel=1e-6)
    assert Geometric().weigh({"a": torch.tensor(0.0)}, History()) == {"a": torch.tensor(0.0)}


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_units_drop_out(unit: float) -> None:
    """The pull of a task, w_i L_i, is the same in whatever units its loss is, up to a factor common to all."""
    weighed = Geometric().weigh({"a": torch.tensor(2.0 * unit), "b": torch.tensor(8.0)}, History())
    assert float(weighed["a"] / weighed["b"]) == pytest.approx(1.0)
