from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from cascade.training.gradients import MGDA


def gramians() -> st.SearchStrategy[np.ndarray]:
    """Of two to five random gradients of different sizes, linearly dependent ones among them."""

    def make(seed: int, tasks: int, parameters: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        gradients = rng.normal(size=(tasks, parameters)) * 10 ** rng.uniform(-2, 2, size=(tasks, 1))
        return np.asarray(gradients @ gradients.T)

    return st.builds(make, st.integers(0, 10**6), st.integers(2, 5), st.integers(1, 7))


def minimized(gramian: np.ndarray) -> float:
    """The least ||d||^2, by scipy from several beginnings."""
    tasks = len(gramian)
    starts = [np.full(tasks, 1 / tasks), *np.eye(tasks)]
    return min(
        float(
            minimize(
                lambda w: w @ gramian @ w,
                start,
                jac=lambda w: 2 * gramian @ w,
                method="SLSQP",
                bounds=[(0, 1)] * tasks,
                constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
                options={"ftol": 1e-14, "maxiter": 500},
            ).fun
        )
        for start in starts
    )


def test_two_gradients_by_hand() -> None:
    """The point of the segment from (2, 0) to (0, 1) that is nearest to 0: w = (1/5, 4/5)."""
    torch.testing.assert_close(MGDA().combine(torch.tensor([[2.0, 0.0], [0.0, 1.0]])), torch.tensor([0.4, 0.8]))


def test_opposite_gradients_leave_nothing() -> None:
    combined = MGDA().combine(torch.tensor([[1.0, -1.0], [-3.0, 3.0]]))
    torch.testing.assert_close(combined, torch.zeros(2), atol=1e-6, rtol=0)


def test_a_gradient_that_lies_behind_another_does_not_count() -> None:
    assert MGDA().combine(torch.tensor([[1.0, 0.0], [3.0, 0.5]])).tolist() == pytest.approx([1.0, 0.0])


@settings(max_examples=60, deadline=None)
@given(gramians())
def test_nothing_in_the_hull_is_shorter(gramian: np.ndarray) -> None:
    scale = np.trace(gramian)
    w = MGDA().weights(gramian)
    assert w.min() >= 0
    assert w.sum() == pytest.approx(1)
    assert w @ gramian @ w <= minimized(gramian) + 1e-9 * scale
    assert (gramian @ w).min() >= w @ gramian @ w - 1e-9 * scale  # what the minimum is known by


@pytest.mark.parametrize("seed", range(3))
def test_torchjd_agrees(seed: int) -> None:
    """Frank-Wolfe comes near the minimum slowly."""
    aggregation = pytest.importorskip("torchjd.aggregation")
    gradients = torch.randn(4, 8, generator=torch.Generator().manual_seed(seed))
    expected = aggregation.MGDA(epsilon=1e-6, max_iters=1000)(gradients)
    torch.testing.assert_close(MGDA().combine(gradients), expected, rtol=1e-2, atol=1e-2)
