"""Confidence: how probable it is that an answer is right, and that there is none.

Both are calibrated on the score after fusion and aggregation, by a logistic regression on its log odds. One fit serves
every setting, a paragraph that is given and thirty passages that were found, because what is between them is asked in
practice too: a budget, a small index or a filter leaves any number of passages. The log of that number is therefore a
feature, which a fit on questions of several settings can use and a fit on questions of one leaves at zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from cascade.errors import ConfigError, DataError
from cascade.evaluation import Isotonic, fit_isotonic, fit_temperature

Method = Literal["platt", "temperature", "isotonic"]
FREE = "passages"
"""The one feature whose weight may be negative; more of any other is more of what it speaks for."""

_LEAST = 1e-6  # probabilities below are the same to a calibration: their logs are noise


def answer_features(shares: np.ndarray, none: float, passages: int) -> dict[str, np.ndarray]:
    """What tells whether a group of candidates is right, shape [groups] each.

    `odds` is the log odds of the group; `over_none` and `over_rest` are its margins, as logs of ratios, over "none"
    and over the best of the other groups; `passages` is the log of their number.

    Args:
        shares: Probability of each group after aggregation, summing to 1 with `none`. Shape: [groups].
        none: The probability that none is right.
        passages: How many passages have candidates.
    """
    logs, order = _log(shares), np.argsort(-shares, kind="stable")
    rest = np.full(len(shares), logs[order[0]])
    rest[order[0]] = logs[order[1]] if len(shares) > 1 else np.log(_LEAST)
    return {
        "odds": _log_odds(shares),
        "over_none": logs - _log(none),
        "over_rest": logs - rest,
        "passages": np.full(len(shares), np.log(passages)),
    }


def none_features(best: float, none: float, passages: int) -> dict[str, np.ndarray]:
    """What tells whether a question has no answer, shape [1] each.

    Args:
        best: Probability of the best group.
        none: The probability that none is right.
        passages: How many passages have candidates.
    """
    return {
        "odds": np.array([_log_odds(none)]),
        "over_best": np.array([_log(none) - _log(best)]),
        "passages": np.array([np.log(passages)]),
    }


def _log(probability: np.ndarray | float) -> np.ndarray:
    return np.asarray(np.log(np.maximum(probability, _LEAST)))


def _log_odds(probability: np.ndarray | float) -> np.ndarray:
    kept = np.clip(probability, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(kept / (1 - kept)))


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A probability out of features: of `odds` the sigmoid, unless fitted.

    Args:
        weights: By feature.
        bias: What is added.
        isotonic: Makes a probability of the sum; the sigmoid does when None.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: {"odds": 1.0})
    bias: float = 0.0
    isotonic: Isotonic | None = None

    def __call__(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """Probabilities, of the shape of each feature."""
        from scipy.special import expit  # SciPy takes a second to import, and every pipeline imports this

        odds = self.log_odds(features)
        return np.asarray(expit(odds) if self.isotonic is None else self.isotonic(odds))

    def log_odds(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """The weighted sum, of the shape of each feature."""
        return np.asarray(sum(weight * features[name] for name, weight in self.weights.items()) + self.bias)

    def to_json(self) -> dict[str, Any]:
        """The calibration as plain values."""
        points = self.isotonic and [list(self.isotonic.scores), list(self.isotonic.probabilities)]
        return {"weights": dict(self.weights), "bias": self.bias, "isotonic": points}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Calibration:
        """The calibration that `to_json` has written."""
        points = values["isotonic"]
        return cls(
            weights={name: float(weight) for name, weight in values["weights"].items()},
            bias=float(values["bias"]),
            isotonic=points and Isotonic(scores=tuple(points[0]), probabilities=tuple(points[1])),
        )


def fit_calibration(
    features: Mapping[str, np.ndarray], correct: np.ndarray, *, method: Method = "platt", strength: float = 1.0
) -> Calibration:
    """The calibration of the highest likelihood.

    Args:
        features: Of one question a row, `odds` among them. Shape: [questions] each.
        correct: 1 or 0. Shape: [questions].
        method: `platt` fits a weight for each feature and a bias (Platt 1999), none negative but that of `passages`,
            so that more evidence never makes less sure; `temperature` divides `odds` by one number; `isotonic` puts a
            monotone curve on top of `platt` and wants about a thousand questions.
        strength: Weights have a normal prior of variance 1 / strength around those of no calibration.

    Raises:
        ConfigError: There is no such method.
        DataError: There is no question, or shapes differ.
    """
    names = [*features]
    table = np.stack([np.asarray(features[name], float) for name in names], axis=1)
    if not len(table) or np.shape(correct) != (len(table),):
        raise DataError(f"expected features and correctness of questions, got {len(table)} and {np.shape(correct)}")
    if method == "temperature":
        return Calibration(weights={"odds": 1 / fit_temperature(features["odds"], correct).value})
    if method not in ("platt", "isotonic"):
        raise ConfigError(f"expected platt, temperature or isotonic as a method of calibration, got {method!r}")
    *weights, bias = _logistic(table, np.asarray(correct, float), names, strength)
    platt = Calibration(weights=dict(zip(names, weights, strict=True)), bias=bias)
    if method == "platt":
        return platt
    return Calibration(weights=platt.weights, bias=platt.bias, isotonic=fit_isotonic(platt.log_odds(features), correct))


def _logistic(table: np.ndarray, correct: np.ndarray, names: list[str], strength: float) -> list[float]:
    """Weights and, last, bias of a penalised logistic regression."""
    from scipy.optimize import minimize
    from scipy.special import expit

    design = np.column_stack([table, np.ones(len(table))])
    start = np.array([*(float(name == "odds") for name in names), 0.0])
    bounds = [*((None if name == FREE else 0.0, None) for name in names), (None, None)]

    def objective(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits, away = design @ weights, weights - start
        loss = np.sum(np.logaddexp(0.0, logits) - correct * logits) + 0.5 * strength * away @ away
        return float(loss), design.T @ (expit(logits) - correct) + strength * away

    found: list[float] = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds).x.tolist()
    return found
