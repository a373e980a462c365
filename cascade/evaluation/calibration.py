"""Whether a confidence of 0.8 is right four times in five, and what makes it so.

`confidence` and `correct` have one value a question, shape [questions]; `correct` is 1, 0, or between for an answer
that is right in part. What is fitted here has to be fitted on other questions than it is measured on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cascade.errors import ConfigError, DataError

COLDEST, HOTTEST = 0.01, 100.0
"""Limits of a fitted temperature."""


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """A reliability diagram; NaN in bins without a question.

    Attributes:
        counts: Questions a bin. Shape: [bins], int.
        confidence: Their mean confidence. Shape: [bins].
        accuracy: How many are right, of 1. Shape: [bins].
    """

    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


def reliability(confidence: ArrayLike, correct: ArrayLike, *, bins: int = 15) -> Reliability:
    """Confidence beside accuracy, in bins (low, high] of equal width; a confidence of 0 belongs to the first.

    Guo et al. 2017, ICML, section 2.

    Raises:
        DataError: Shapes differ, a confidence or a correctness is not from 0 to 1.
        ConfigError: There is no bin.
    """
    if bins < 1:
        raise ConfigError(f"expected 1 or more bins, got {bins}")
    sure, right = probabilities(confidence, correct)
    places = np.searchsorted(np.arange(1, bins) / bins, sure, side="left")
    counts = np.bincount(places, minlength=bins)
    filled = np.where(counts, counts, np.nan)
    means = [np.bincount(places, weights=values, minlength=bins) / filled for values in (sure, right)]
    return Reliability(counts=counts, confidence=means[0], accuracy=means[1])


def ece(confidence: ArrayLike, correct: ArrayLike, *, bins: int = 15) -> float:
    """Expected calibration error, 0 at best: |accuracy - confidence| of each bin, weighted by its questions.

    Naeini et al. 2015, AAAI; Guo et al. 2017, ICML, equation 3. Without a question it is NaN.

    Raises:
        DataError: As for `reliability`.
        ConfigError: As for `reliability`.
    """
    diagram = reliability(confidence, correct, bins=bins)
    total = diagram.counts.sum()
    gaps = diagram.counts * np.abs(diagram.accuracy - diagram.confidence)
    return float(np.nansum(gaps) / total) if total else float("nan")


def brier(confidence: ArrayLike, correct: ArrayLike) -> float:
    """Mean squared distance of confidence and correctness, 0 at best (Brier 1950). Without a question it is NaN.

    Raises:
        DataError: As for `reliability`.
    """
    sure, right = probabilities(confidence, correct)
    return float(np.mean((sure - right) ** 2)) if len(sure) else float("nan")


@dataclass(frozen=True, kw_only=True)
class Temperature:
    """Temperature scaling: logits are divided by one number, so that their order stays.

    Attributes:
        value: Above 1 it lowers confidence, below 1 it raises it.
    """

    value: float

    def __call__(self, logits: ArrayLike) -> np.ndarray:
        """Probabilities.

        Args:
            logits: Shape: [rows, classes], minus infinity for a class that a row lacks; or log odds, shape [rows].

        Returns:
            Softmax, shape [rows, classes]; or of log odds the sigmoid, shape [rows].
        """
        from scipy.special import expit, softmax  # SciPy takes a second to import, and every pipeline imports this

        given = np.asarray(logits, float) / self.value
        return np.asarray(expit(given) if given.ndim == 1 else softmax(given, axis=-1))


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> Temperature:
    """The temperature of the highest likelihood (Guo et al. 2017, ICML, section 4.2).

    The likelihood is concave in 1 / temperature, so its derivative has one zero. Where there is none, as when all
    answers are right, the temperature is the limit 0.01 or 100; where the likelihood does not depend on it, 1.

    Args:
        logits: As `Temperature` takes them.
        labels: The right class of each row, or for log odds 1 or 0. Shape: [rows], int.

    Raises:
        DataError: There is no row, shapes differ, a label is no class of its row, or a logit is NaN or infinite.
    """
    from scipy.optimize import brentq

    classes, right = _classes(logits, labels)
    present = np.isfinite(classes)
    finite = np.where(present, classes, 0.0)
    gold = finite[np.arange(len(finite)), right]

    def slope(inverse: float) -> float:
        """Derivative of the mean negative log-likelihood by 1 / temperature, which never falls."""
        expected: np.ndarray = (Temperature(value=1 / inverse)(classes) * finite).sum(axis=1)
        return float(np.mean(expected - gold))

    low, high = slope(1 / HOTTEST), slope(1 / COLDEST)
    if low == high == 0:
        return Temperature(value=1.0)
    if low >= 0 or high <= 0:
        return Temperature(value=HOTTEST if low >= 0 else COLDEST)
    return Temperature(value=float(1 / brentq(slope, 1 / HOTTEST, 1 / COLDEST, xtol=1e-10)))


@dataclass(frozen=True, kw_only=True)
class Isotonic:
    """A probability that never falls with the score: straight lines between points, level outside them.

    Attributes:
        scores: Where the points are, ascending.
        probabilities: What they give, never falling. As many.
    """

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __call__(self, scores: ArrayLike) -> np.ndarray:
        """Probabilities of scores, of the same shape."""
        given = np.asarray(scores, float)
        return np.asarray(np.interp(given, self.scores, self.probabilities))


def fit_isotonic(scores: ArrayLike, correct: ArrayLike) -> Isotonic:
    """Isotonic regression of correctness on a score (Zadrozny & Elkan 2002, KDD), by scikit-learn.

    It may give exactly 0 or 1 at the ends, and wants about a thousand questions.

    Args:
        scores: Any finite numbers; equal ones share their mean. Shape: [questions].
        correct: Shape: [questions].

    Raises:
        DataError: There is no question, shapes differ, a score is not finite, or a correctness not from 0 to 1.
    """
    from sklearn.isotonic import IsotonicRegression

    given, right = observations(scores, correct)
    if not len(given):
        raise DataError("expected questions to fit on, got none")
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(given, right)
    return Isotonic(
        scores=tuple(np.atleast_1d(fitted.X_thresholds_).tolist()),
        probabilities=tuple(np.atleast_1d(fitted.y_thresholds_).tolist()),
    )


def observations(confidence: ArrayLike, correct: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays of floats, checked.

    Raises:
        DataError: Shapes differ, a confidence is not finite, or a correctness is not from 0 to 1.
    """
    sure, right = np.asarray(confidence, float), np.asarray(correct, float)
    if sure.ndim != 1 or sure.shape != right.shape:
        raise DataError(f"expected a confidence and a correctness a question, got shapes {sure.shape}, {right.shape}")
    if not np.isfinite(sure).all():
        raise DataError("expected finite confidences, got NaN or infinity")
    if not ((right >= 0) & (right <= 1)).all():
        raise DataError("expected correctness from 0 to 1, got something else")
    return sure, right


def probabilities(confidence: ArrayLike, correct: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """As `observations`, and a confidence has to be from 0 to 1.

    Raises:
        DataError: As for `observations`, or a confidence is not from 0 to 1.
    """
    sure, right = observations(confidence, correct)
    if not ((sure >= 0) & (sure <= 1)).all():
        raise DataError("expected confidences from 0 to 1, got others; turn scores into probabilities first")
    return sure, right


def _classes(logits: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    given, right = np.asarray(logits, float), np.asarray(labels)
    classes = np.stack([np.zeros_like(given), given], axis=1) if given.ndim == 1 else given
    if classes.ndim != 2 or right.shape != classes.shape[:1] or not len(right):
        raise DataError(f"expected logits and a label a row, 1 or more, got shapes {given.shape}, {right.shape}")
    right = right.astype(int)
    if not ((right >= 0) & (right < classes.shape[1])).all():
        raise DataError(f"expected labels from 0 to {classes.shape[1] - 1}, got others")
    gold = classes[np.arange(len(right)), right]
    if np.isnan(classes).any() or (classes == np.inf).any() or not np.isfinite(gold).all():
        raise DataError("expected logits that are numbers, finite for the right class, got NaN or infinity")
    return classes, right
