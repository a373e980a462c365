"""Conflict-averse gradient descent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from cascade.errors import TrainingError
from cascade.training.gradients.base import Weighted

SMOOTHING = 1e-10
"""Added to ||g_w||^2, whose root has no derivative at 0; in units of the gradients' mean square norm."""


@dataclass(frozen=True, kw_only=True)
class CAGrad(Weighted):
    """Helps the task that gains least, close to the mean gradient (Liu et al. 2021, section 3 and algorithm 1).

    Of all d with ||d - g_0|| <= c ||g_0||, where g_0 is the mean of the gradients, it takes the one whose smallest
    inner product with a task's gradient is largest. The dual problem gives it: d = g_0 + c ||g_0|| g_w / ||g_w||,
    where g_w = sum_i w_i g_i for the w >= 0, sum_i w_i = 1, that minimizes g_w . g_0 + c ||g_0|| ||g_w||. As in the
    authors' code, d is divided by 1 + c^2, and multiplied by the number of tasks, so that c = 0 gives their sum.

    Args:
        c: How far from the mean gradient it may go, from 0 to below 1.

    Raises:
        TrainingError: c is out of range.
    """

    c: float = 0.4

    def __post_init__(self) -> None:
        if not 0 <= self.c < 1:
            raise TrainingError(f"CAGrad(c=) has to be 0 or more and below 1, where it converges; got {self.c}")

    def weights(self, gramian: np.ndarray) -> np.ndarray:
        """For g_i: tasks (1 / tasks + c ||g_0|| / ||g_w|| w_i) / (1 + c^2)."""
        tasks = len(gramian)
        square = np.trace(gramian) / tasks
        if not square:
            return np.ones(tasks)
        scaled = gramian / square
        radius = self.c * np.sqrt(max(scaled.mean(), 0.0))
        w = _least(scaled, radius)
        return np.asarray((1 + tasks * radius / _norm(scaled, w) * w) / (1 + self.c**2))


def _least(gramian: np.ndarray, radius: float) -> np.ndarray:
    """The w of the simplex that minimizes g_w . g_0 + radius ||g_w||. Shape: [tasks]."""
    tasks, mean = len(gramian), gramian.mean(1)
    found = minimize(
        lambda w: w @ mean + radius * _norm(gramian, w),
        np.full(tasks, 1 / tasks),
        jac=lambda w: mean + radius / _norm(gramian, w) * (gramian @ w),
        method="SLSQP",
        bounds=[(0, 1)] * tasks,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-12, "maxiter": 200},
    )
    w = np.clip(found.x, 0, None)
    return np.asarray(w / w.sum())


def _norm(gramian: np.ndarray, w: np.ndarray) -> float:
    """||g_w||."""
    return float(np.sqrt(max(w @ gramian @ w, 0.0) + SMOOTHING))
