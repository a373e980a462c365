"""A search over mixing ratios of tasks with a Gaussian process: the second stage of AutoSeM (Guo et al. 2019)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

Ratio = tuple[int, ...]
"""Batches in a turn, one number a task; the first is the main task's."""

BLIND = 5
"""Ratios that are tried before the process is asked: all tasks alike, then random ones."""
NOISE = 0.1
"""Variance of a score when training is repeated, in units of the variance of all scores that have been seen.

A process that takes scores for exact goes on trying the neighbours of a ratio that was lucky early.
"""


def ratios(tasks: int, *, largest: int = 5) -> list[Ratio]:
    """All mixing ratios in lowest terms in which the first task has a part.

    Args:
        tasks: Number of tasks. There are fewer than (largest + 1) ** tasks ratios.
        largest: The largest number in a ratio.
    """
    parts = [range(1, largest + 1), *[range(largest + 1)] * (tasks - 1)]
    return [ratio for ratio in product(*parts) if math.gcd(*ratio) == 1]


def propose(tried: Mapping[Ratio, float], candidates: Sequence[Ratio], rng: np.random.Generator) -> Ratio:
    """The ratio to try next: the one whose expected improvement over the best is largest.

    Improvement is expected by a Gaussian process with a Matern 5/2 kernel over the tasks' shares in the batches:
    EI = (m - best) Phi(z) + s phi(z) with z = (m - best) / s, for a candidate of mean m and standard deviation s. The
    best is the largest mean of a ratio that has been tried, since the largest score may have been luck.

    Args:
        tried: Scores of ratios so far; higher is better.
        candidates: What may be tried; ratios that have been tried are passed over.
        rng: Draws the first ones.

    Raises:
        ValueError: Nothing is left to try.
    """
    left = [ratio for ratio in candidates if ratio not in tried]
    if not left:
        raise ValueError(f"all {len(tried)} ratios have been tried: allow larger numbers")
    if not tried and (1,) * len(left[0]) in left:
        return (1,) * len(left[0])
    if len(tried) < BLIND:
        return left[rng.integers(len(left))]
    return left[int(np.argmax(_improvements(tried, left)))]


def search(
    objective: Callable[[dict[str, int]], float],
    tasks: Sequence[str],
    *,
    rounds: int,
    largest: int = 5,
    seed: int = 0,
) -> dict[Ratio, float]:
    """Try one ratio after another.

    Args:
        objective: The score of a ratio, given as batches in a turn by task; higher is better.
        tasks: The tasks; the first, the main one, has a part in every ratio.
        rounds: Ratios that are tried at most; fewer where there are no more.
        largest: The largest number in a ratio.
        seed: What the first ratios are drawn from.

    Returns:
        The scores in the order in which they were found; `max(scores, key=scores.get)` is the best ratio.
    """
    candidates, rng = ratios(len(tasks), largest=largest), np.random.default_rng(seed)
    tried: dict[Ratio, float] = {}
    for _ in range(min(rounds, len(candidates))):
        ratio = propose(tried, candidates, rng)
        tried[ratio] = objective(dict(zip(tasks, ratio, strict=True)))
    return tried


def _improvements(tried: Mapping[Ratio, float], candidates: Sequence[Ratio]) -> np.ndarray:
    """Expected improvement of every candidate."""
    scores = np.array(list(tried.values()))
    center, scale = scores.mean(), scores.std() or 1.0
    scores = (scores - center) / scale
    kernel = Matern(nu=2.5, length_scale=0.3, length_scale_bounds=(0.05, 3.0))
    process = GaussianProcessRegressor(kernel, alpha=NOISE)
    with warnings.catch_warnings():
        # With few points, the best length scale often lies on a bound, which is as good as any.
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(_shares(list(tried)), scores)
    mean, deviation = process.predict(_shares(candidates), return_std=True)
    over = mean - process.predict(_shares(list(tried))).max()
    z = over / deviation
    improvements: np.ndarray = over * norm.cdf(z) + deviation * norm.pdf(z)
    return improvements


def _shares(ratios: Sequence[Ratio]) -> np.ndarray:
    """What part of the batches every task has. Shape: [ratios, tasks]."""
    counts = np.array(ratios, dtype=float)
    shares: np.ndarray = counts / counts.sum(axis=1, keepdims=True)
    return shares
