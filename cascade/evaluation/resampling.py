"""How far a figure may be chance: bootstrap intervals and paired tests.

Questions are what is drawn again. Where several are about one text, intervals are narrower than they would be over
new texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cascade.errors import ConfigError, DataError
from cascade.evaluation.tables import columns

RESAMPLES = 2_000
PERMUTATIONS = 10_000
_BATCH = 200


class Interval(NamedTuple):
    """A figure and its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two systems on the same questions, by one metric.

    Attributes:
        metric: Its name.
        questions: How many questions have it.
        first: Mean of the first system.
        second: Mean of the second system.
        difference: Second minus first, with its 95 % interval by the paired bootstrap.
        p: Two-sided p-value of the paired permutation test.
        adjusted: The same, corrected after Holm for all metrics compared.
    """

    metric: str
    questions: int
    first: float
    second: float
    difference: Interval
    p: float
    adjusted: float


def interval(values: ArrayLike, *, level: float = 0.95, seed: int = 0) -> Interval:
    """Mean and its percentile bootstrap interval (Efron & Tibshirani 1993, chapter 13), by SciPy.

    Of the differences of two systems it is the interval of the paired bootstrap.

    Args:
        values: One a question; of a single one the interval is the value, which says nothing. Shape: [questions].
        level: Part of the intervals that hold the true mean, between 0 and 1.
        seed: Of the 2,000 resamples.

    Raises:
        DataError: There is no value.
        ConfigError: The level is not between 0 and 1.
    """
    return _bootstrap(np.mean, [np.asarray(values, float)], level, seed, vectorized=True)


def interval_of(statistic: Callable[..., float], *samples: ArrayLike, level: float = 0.95, seed: int = 0) -> Interval:
    """As `interval`, of any figure of a set of questions, such as `ece` or `aurc`.

    Args:
        statistic: Takes arrays as the samples are, of the questions drawn.
        *samples: One value a question each, such as confidence and correctness; resampled together. Shape: [questions].
        level: As for `interval`.
        seed: As for `interval`.

    Raises:
        DataError: There is no question, or samples differ in length.
        ConfigError: The level is not between 0 and 1.
    """
    return _bootstrap(statistic, [np.asarray(sample, float) for sample in samples], level, seed, vectorized=False)


def intervals(table: Mapping[str, Mapping[str, float]], *, level: float = 0.95, seed: int = 0) -> dict[str, Interval]:
    """Means and bootstrap intervals of all metrics of a table, each over the questions that have it.

    Raises:
        ConfigError: The level is not between 0 and 1.
    """
    return {
        metric: interval(list(column.values()), level=level, seed=seed) for metric, column in columns(table).items()
    }


def permutation_test(first: ArrayLike, second: ArrayLike, *, seed: int = 0) -> float:
    """Two-sided p-value of "both systems are alike": a paired permutation test of the difference of means.

    Fisher's randomisation test: each question's two scores are swapped or not (Smucker, Allan & Carterette 2007,
    CIKM). All ways of swapping are counted where they are no more than 10,000; else 10,000 are drawn and the given one
    is counted among them, so that p is never 0 (Phipson & Smyth 2010). Questions on which both score the same don't
    matter; if there are no others, p is 1.

    Args:
        first: Scores of one system. Shape: [questions].
        second: Scores of the other, on the same questions in the same order. Shape: [questions].
        seed: Of the drawing.

    Raises:
        DataError: There is no question, or the lengths differ.
    """
    gaps = _paired(first, second)
    gaps = gaps[gaps != 0]
    threshold = abs(gaps.sum()) - 1e-9 * np.abs(gaps).sum()
    if 2 ** len(gaps) <= PERMUTATIONS:
        signs = 1 - 2 * (np.arange(2 ** len(gaps))[:, None] >> np.arange(len(gaps)) & 1)
        return float(np.mean(np.abs(signs @ gaps) >= threshold))
    rng = np.random.default_rng(seed)
    # The sum of all gaps minus twice the swapped ones is the permuted difference.
    batches = (rng.integers(0, 2, (_BATCH, len(gaps)), dtype=np.int8) for _ in range(PERMUTATIONS // _BATCH))
    extreme = sum(int(np.sum(np.abs(gaps.sum() - 2 * (swapped @ gaps)) >= threshold)) for swapped in batches)
    return (extreme + 1) / (PERMUTATIONS + 1)


def holm(values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, in the given order (Holm 1979, Scandinavian Journal of Statistics 6).

    Rejecting those at or below a level keeps the probability of any false rejection at or below that level.

    Raises:
        DataError: A value is not from 0 to 1.
    """
    given = np.asarray(values, float)
    if not ((given >= 0) & (given <= 1)).all():
        raise DataError(f"expected p-values from 0 to 1, got {list(values)}")
    order = np.argsort(given, kind="stable")
    factors = np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(given[order] * factors))
    return [float(value) for value in adjusted]


def compare(
    first: Mapping[str, Mapping[str, float]], second: Mapping[str, Mapping[str, float]], *, seed: int = 0
) -> list[Comparison]:
    """Compares two systems question by question, by every metric that both tables have.

    Args:
        first: Scores of one system.
        second: Scores of the other, on the same questions.
        seed: Of resamples and permutations.

    Returns:
        One comparison a metric, in the order of the first table.

    Raises:
        DataError: The tables have other questions, or no metric in common, or one of which they score other questions.
    """
    if first.keys() != second.keys():
        apart = len(first.keys() ^ second.keys())
        raise DataError(
            f"expected scores of the same questions, got {apart} that only one has; evaluate both on one set"
        )
    one, other = columns(first), columns(second)
    shared = [metric for metric in one if metric in other]
    if not shared:
        raise DataError(f"expected a metric that both have, got {', '.join(one)} and {', '.join(other)}")
    pairs = [_column_pair(metric, one[metric], other[metric]) for metric in shared]
    raw = [permutation_test(a, b, seed=seed) for a, b in pairs]
    return [
        Comparison(
            metric=metric,
            questions=len(a),
            first=float(a.mean()),
            second=float(b.mean()),
            difference=interval(b - a, seed=seed),
            p=p,
            adjusted=adjusted,
        )
        for metric, (a, b), p, adjusted in zip(shared, pairs, raw, holm(raw), strict=True)
    ]


def _column_pair(metric: str, first: Mapping[str, float], second: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    if first.keys() != second.keys():
        raise DataError(f"{metric}: expected scores of the same questions; evaluate both with the same gold answers")
    return np.array(list(first.values())), np.array([second[question] for question in first])


def _paired(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    a, b = np.asarray(first, float), np.asarray(second, float)
    if a.ndim != 1 or a.shape != b.shape or not len(a):
        raise DataError(f"expected two scores a question, of 1 question or more, got shapes {a.shape}, {b.shape}")
    return np.asarray(b - a)


def _bootstrap(
    statistic: Callable[..., float], samples: list[np.ndarray], level: float, seed: int, *, vectorized: bool
) -> Interval:
    from scipy import stats  # takes a second to import, and every pipeline imports this module

    if not 0 < level < 1:
        raise ConfigError(f"expected a level between 0 and 1, got {level}")
    sizes = {sample.shape for sample in samples}
    if len(sizes) != 1 or any(len(size) != 1 or size[0] == 0 for size in sizes):
        raise DataError(f"expected one value a question, of 1 question or more, got shapes {sorted(sizes)}")
    value = float(statistic(*samples))
    if len(samples[0]) == 1:
        return Interval(value, value, value)
    found = stats.bootstrap(
        samples,
        statistic,
        n_resamples=RESAMPLES,
        batch=_BATCH,
        paired=True,
        vectorized=vectorized,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(value, float(found.low), float(found.high))
