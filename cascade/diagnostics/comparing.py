"""Two ways of training, compared over seeds and over Docs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cascade.diagnostics.cells import Measured
from cascade.evaluation import Interval, holm, permutation_test

BySeed = Mapping[int, Measured]


@dataclass(frozen=True, kw_only=True)
class Gap:
    """How far the second of two ways is above the first.

    Attributes:
        value: Mean difference over the seeds that both have.
        low: Lower end of its 95 % interval by Student's t over seeds; None with a single one.
        high: Upper end.
        p: Two-sided p-value of the paired t-test over seeds; None with a single one.
        adjusted: The same, corrected after Holm for all that is compared.
        docs_p: Two-sided p-value of the paired permutation test over Docs, of the score of each Doc by itself, mean
            over seeds; None where the score says nothing of a single Doc. It tells whether it holds for other texts,
            and `p` whether for other seeds.
        docs_adjusted: The same, corrected after Holm.
    """

    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    adjusted: float | None = None
    docs_p: float | None = None
    docs_adjusted: float | None = None


def gap(first: BySeed, second: BySeed, task: str) -> Gap | None:
    """Compare the main score of a task; None where no seed has it on both sides."""
    seeds = [s for s in second if s in first and task in first[s].scores and task in second[s].scores]
    if not seeds:
        return None
    differences = [second[s].scores[task] - first[s].scores[task] for s in seeds]
    one, other = (_docs([own[s] for s in seeds], task) for own in (first, second))
    docs_p = None if one is None or other is None or one.shape != other.shape else permutation_test(one, other)
    if len(seeds) == 1:
        return Gap(value=differences[0], docs_p=docs_p)
    found, p = student(differences)
    return Gap(value=found.value, low=found.low, high=found.high, p=p, docs_p=docs_p)


def student(differences: Sequence[float], *, level: float = 0.95) -> tuple[Interval, float]:
    """Mean, its interval and the two-sided p-value of "it is 0", by Student's t (Student 1908).

    t = mean / (s / sqrt(n)), with n - 1 degrees of freedom.

    Args:
        differences: Two or more.
        level: Of the interval.
    """
    from scipy.stats import t  # takes a second to import

    values = np.asarray(differences, float)
    mean, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))
    half = float(t.ppf((1 + level) / 2, len(values) - 1)) * error
    p = 2 * float(t.sf(abs(mean) / error, len(values) - 1)) if error else float(mean == 0)
    return Interval(mean, mean - half, mean + half), p


def corrected(gaps: Sequence[Gap]) -> list[Gap]:
    """P-values corrected after Holm for all of these."""
    seeds = _holm([each.p for each in gaps])
    docs = _holm([each.docs_p for each in gaps])
    return [replace(each, adjusted=s, docs_adjusted=d) for each, s, d in zip(gaps, seeds, docs, strict=True)]


def _holm(values: Sequence[float | None]) -> list[float | None]:
    adjusted = iter(holm([value for value in values if value is not None]))
    return [None if value is None else next(adjusted) for value in values]


def _docs(measured: Sequence[Measured], task: str) -> np.ndarray | None:
    """Scores of the Docs, mean over seeds. Shape: [docs]."""
    tables = [own.docs[task] for own in measured if task in own.docs]
    return np.mean(tables, axis=0) if len(tables) == len(measured) else None
