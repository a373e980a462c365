from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.errors import TrainingError
from cascade.training.gradients import CAGrad


def direction(gradients: np.ndarray, c: float) -> np.ndarray:
    """The paper's d, about the mean gradient and before it is rescaled."""
    return np.asarray(CAGrad(c=c).weights(gradients @ gradients.T) @ gradients * (1 + c**2) / len(gradients))


def test_orthogonal_gradients_by_hand() -> None:
    """g_w = g_0 = (1/2, 1/2), so d = 3/2 g_0; times 2 tasks, over 1 + 1/4."""
    combined = CAGrad(c=0.5).combine(torch.eye(2))
    torch.testing.assert_close(combined, torch.tensor([1.2, 1.2]))


def test_a_small_gradient_by_hand() -> None:
    """Of (3, 0) and (0, 1), the second gains least all the way: w = (0, 1), d = (3/2, 1/2) + 1/2 sqrt(5/2) (0, 1)."""
    expected = [1.5, 0.5 + 0.5 * math.sqrt(2.5)]
    np.testing.assert_allclose(direction(np.array([[3.0, 0.0], [0.0, 1.0]]), 0.5), expected, rtol=1e-6)


def test_without_room_it_is_the_sum() -> None:
    gradients = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(CAGrad(c=0.0).combine(gradients), gradients.sum(0))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 5), st.integers(1, 6), st.floats(0.05, 0.95), st.integers(0, 10**6))
def test_no_direction_of_the_ball_helps_the_worst_task_more(tasks: int, size: int, c: float, seed: int) -> None:
    """The smallest gain of d is at least that of any d in the ball: of random ones, and of the dual on a grid."""
    rng = np.random.default_rng(seed)
    gradients = rng.normal(size=(tasks, size)) * rng.uniform(0.1, 3, size=(tasks, 1))
    mean = gradients.mean(0)
    radius = c * np.linalg.norm(mean)
    d = direction(gradients, c)
    assert np.linalg.norm(d - mean) <= radius * (1 + 1e-6)
    others = rng.normal(size=(300, size))
    others = mean + radius * others / np.linalg.norm(others, axis=1, keepdims=True)
    toward = rng.dirichlet(np.ones(tasks), size=300) @ gradients
    duals = toward @ mean + radius * np.linalg.norm(toward, axis=1)
    worst = (gradients @ d).min()
    assert worst >= (others @ gradients.T).min(1).max() - 1e-3
    assert worst <= duals.min() + 1e-6


def test_two_tasks_agree_with_a_fine_grid() -> None:
    gradients = np.array([[1.0, 0.5, -0.3], [-2.0, 0.4, 1.0]])
    mean, shares = gradients.mean(0), np.linspace(0, 1, 100_001)[:, None]
    radius = 0.4 * np.linalg.norm(mean)
    mixed = shares * gradients[0] + (1 - shares) * gradients[1]
    best = mixed[(mixed @ mean + radius * np.linalg.norm(mixed, axis=1)).argmin()]
    np.testing.assert_allclose(direction(gradients, 0.4), mean + radius * best / np.linalg.norm(best), atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_torchjd_agrees(seed: int) -> None:
    """torchjd leaves d as it is about the mean gradient, and needs cvxpy for it."""
    aggregation = pytest.importorskip("torchjd.aggregation")
    pytest.importorskip("cvxpy")
    gradients = torch.randn(4, 6, generator=torch.Generator().manual_seed(seed))
    expected = aggregation.CAGrad(c=0.4)(gradients) * 4 / (1 + 0.4**2)
    torch.testing.assert_close(CAGrad(c=0.4).combine(gradients), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("c", [-0.1, 1.0])
def test_a_radius_that_does_not_converge_is_refused(c: float) -> None:
    with pytest.raises(TrainingError, match=r"below 1.*got"):
        CAGrad(c=c)
