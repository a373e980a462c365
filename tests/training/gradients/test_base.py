from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade import registry
from cascade.training.gradients import MGDA, Aggregator, CAGrad, Gradients, PCGrad, Sum

METHODS = [Sum(), PCGrad(), CAGrad(), CAGrad(c=0.9), MGDA()]


@pytest.mark.parametrize("method", METHODS, ids=str)
@settings(max_examples=25, deadline=None)
@given(st.integers(2, 5), st.integers(1, 8), st.integers(0, 10**6))
def test_what_does_not_conflict_is_helped(method: Gradients, tasks: int, parameters: int, seed: int) -> None:
    """Descends for every task where all gradients point into one orthant."""
    gradients = torch.rand(tasks, parameters, generator=torch.Generator().manual_seed(seed)) + 0.01
    assert (gradients @ method.combine(gradients) > 0).all()


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_the_unit_of_the_gradients_does_not_matter(method: Gradients, factor: float) -> None:
    gradients = torch.tensor([[1.0, 0.2, 0.0], [-0.5, 0.4, 1.0], [0.3, -1.0, 0.1]])
    torch.manual_seed(0)
    expected = method.combine(gradients) * factor
    torch.manual_seed(0)
    torch.testing.assert_close(method.combine(gradients * factor), expected, rtol=1e-3, atol=1e-5 * factor)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_gradients_that_are_zero_or_the_same_do_no_harm(method: Gradients) -> None:
    row = torch.tensor([1.0, -2.0])
    for gradients in (torch.zeros(3, 2), torch.stack([row, row, row]), torch.stack([row, torch.zeros(2)])):
        assert method.combine(gradients).isfinite().all()


@pytest.mark.parametrize("method", [*METHODS, Aggregator.__name__], ids=str)
def test_a_config_can_hold_it(method: Gradients | str) -> None:
    if isinstance(method, str):
        pytest.importorskip("torchjd")
        method = Aggregator(name="TrimmedMean", settings={"trim_number": 1})
    config = registry.to_config(method)
    assert config["@cascade_gradients"] == f"cascade.{type(method).__name__}.v1"
    assert registry.from_config(config) == method
