"""Answering only where one is sure: what it costs in coverage, and where to draw the line.

A question is answered when its confidence is at or above a threshold. `confidence` and `correct` have one value a
question, shape [questions].
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cascade.errors import ConfigError, DataError
from cascade.evaluation.calibration import observations, probabilities


class RiskCoverage(NamedTuple):
    """How wrong answers are when only the surest are given.

    Attributes:
        coverage: Part of the questions that is answered, 1/n, 2/n, ..., 1. Shape: [questions].
        risk: Mean error of those. Shape: [questions].
    """

    coverage: np.ndarray
    risk: np.ndarray


def risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> RiskCoverage:
    """The risk-coverage curve of El-Yaniv & Wiener 2010 (JMLR) as Geifman & El-Yaniv 2017 (NeurIPS) measure it.

    Questions of equal confidence have no order among them: the risk is its expectation over all their orders.

    Args:
        confidence: Any finite numbers.
        correct: 1, 0 or between; the error is 1 - correct.

    Raises:
        DataError: Shapes differ, a confidence is not finite, or a correctness not from 0 to 1.
    """
    sure, right = observations(confidence, correct)
    _, group, sizes = np.unique(-sure, return_inverse=True, return_counts=True)
    errors = np.bincount(group, weights=1 - right, minlength=len(sizes)) / sizes
    count = np.arange(1, len(sure) + 1)
    return RiskCoverage(count / max(1, len(sure)), np.cumsum(np.repeat(errors, sizes)) / count)


def aurc(confidence: ArrayLike, correct: ArrayLike) -> float:
    """Area under the risk-coverage curve, the lower the better: the mean risk over the n coverages.

    Geifman & El-Yaniv 2017 (NeurIPS) for the curve; Geifman, Uziel & El-Yaniv 2019 (ICLR) for its area.
    The same confidence everywhere gives the mean error. Without a question it is NaN.

    Raises:
        DataError: As for `risk_coverage`.
    """
    risk = risk_coverage(confidence, correct).risk
    return float(np.mean(risk)) if len(risk) else math.nan


def precision_threshold(confidence: ArrayLike, correct: ArrayLike, precision: float) -> float:
    """The threshold that answers most questions while the part of right answers among them is high enough.

    This is what the given questions show; `conformal_threshold` says what holds for new ones.

    Args:
        confidence: Any finite numbers.
        correct: 1, 0 or between.
        precision: The part wanted, from 0 to 1.

    Returns:
        One of the confidences; infinity, which answers nothing, when none will do or there is no question.

    Raises:
        ConfigError: The precision is not from 0 to 1.
        DataError: As for `risk_coverage`.
    """
    if not 0 <= precision <= 1:
        raise ConfigError(f"expected a precision from 0 to 1, got {precision}")
    sure, right = observations(confidence, correct)
    levels, group, sizes = np.unique(-sure, return_inverse=True, return_counts=True)
    found = np.cumsum(np.bincount(group, weights=right, minlength=len(sizes)))
    answered = np.cumsum(sizes)
    # Compared as sums, for 0.7 of 10 answers is 7 of them, whatever rounding makes of it.
    good = np.flatnonzero(found >= precision * answered - 1e-9)
    return float(-levels[good[-1]]) if len(good) else math.inf


def conformal_threshold(confidence: ArrayLike, correct: ArrayLike, *, error: float, risk: float = 0.05) -> float:
    """A threshold with a guaranteed error rate among the answered questions (split conformal, Learn then Test).

    The guarantee: draw the calibration questions at random, independently, from some distribution, and compute the
    threshold t from them. With a probability of at least 1 - `risk` over that draw, P(wrong | confidence >= t) <=
    `error` for a new question from the same distribution. It holds at any number of questions, for any distribution
    and any model, when the model, its calibration and `error` were chosen without looking at these questions. It says
    nothing of a single question, of a part of the questions, or of questions from elsewhere; questions about the same
    text are not independent draws.

    Method: Angelopoulos, Bates, Candès, Jordan & Lei 2021 (arXiv:2110.01052), fixed-sequence testing from several
    starts. For each of 1,000 thresholds fixed beforehand the hypothesis "the error rate is above `error`" is tested
    by the exact binomial tail: given the number of those answered, their errors are binomial. From each of 20 starts
    thresholds are tested downwards at level `risk` / 20 until one test fails. The first true hypothesis below a start
    is fixed, so rejecting any takes an event of probability `risk` / 20; hence `risk` over all starts.

    Args:
        confidence: From 0 to 1, such as calibrated probabilities; thresholds are 0.000, 0.001, ..., 0.999.
        correct: 1 or 0.
        error: The error rate to stay at or below, between 0 and 1.
        risk: The probability that it is exceeded all the same, between 0 and 1.

    Returns:
        The lowest threshold that passed; infinity, which answers nothing, when none did. An error rate of 0.1 takes
        at least 57 answers, all right, at the default risk.

    Raises:
        ConfigError: `error` or `risk` is not between 0 and 1.
        DataError: Shapes differ, a confidence is not from 0 to 1, or a correctness neither 0 nor 1.
    """
    from scipy.stats import binom  # takes a second to import, and every pipeline imports this module

    if not (0 < error < 1 and 0 < risk < 1):
        raise ConfigError(f"expected error and risk between 0 and 1, got error = {error}, risk = {risk}")
    sure, right = _calibration(confidence, correct)
    places = np.searchsorted(_THRESHOLDS, sure, side="right") - 1
    answered, wrong = (
        _from_above(np.bincount(places, weights=w, minlength=len(_THRESHOLDS))) for w in (None, 1 - right)
    )
    passed = binom.cdf(wrong, answered, error) <= risk / len(_STARTS)
    ends = [_last_passed(passed, start) for start in _STARTS]
    best = min((end for end in ends if end is not None), default=None)
    return math.inf if best is None else float(_THRESHOLDS[best])


_THRESHOLDS = np.arange(1000) / 1000
_STARTS = range(0, 1000, 50)


def _calibration(confidence: ArrayLike, correct: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    sure, right = probabilities(confidence, correct)
    if not np.isin(right, (0, 1)).all():
        raise DataError("expected correctness 0 or 1, got values between; the binomial tail counts errors")
    return sure, right


def _from_above(counts: np.ndarray) -> np.ndarray:
    """How many stand at each threshold or above."""
    return counts[::-1].cumsum()[::-1]


def _last_passed(passed: np.ndarray, start: int) -> int | None:
    """The lowest threshold reached from a start before a test fails; None if its own test fails."""
    failed = np.flatnonzero(~passed[start::-1])
    steps = int(failed[0]) if len(failed) else start + 1
    return start - steps + 1 if steps else None
