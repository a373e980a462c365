"""Abstention: where to draw the line between an answer and none, and the rules that choose it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cascade.errors import DataError
from cascade.evaluation import best_threshold, conformal_threshold, precision_threshold


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a question is left unanswered; unless fitted, when "no answer" is more probable than the best answer.

    Args:
        refusal: It is when the log of P(no answer) / P(best answer is right) is above.
        confidence: It is when P(best answer is right) is below.
    """

    refusal: float = 0.0
    confidence: float = 0.0

    def refuse(self, refusal: float, confidence: float) -> bool:
        """Whether a question is left unanswered."""
        return refusal > self.refusal or confidence < self.confidence

    def to_json(self) -> dict[str, Any]:
        """The limits as plain values; an infinite one as a string, for JSON has no infinity."""
        values = {"refusal": self.refusal, "confidence": self.confidence}
        return {name: value if math.isfinite(value) else str(value) for name, value in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Limits:
        """The limits that `to_json` has written."""
        return cls(refusal=float(values["refusal"]), confidence=float(values["confidence"]))


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What would come of answering questions that have candidates. Shape of all: [questions].

    Attributes:
        answerable: Whether the question has an answer.
        refusal: As `Limits` takes it.
        confidence: As `Limits` takes it.
        em: Exact match of the best answer; 0 for a question without answer.
        f1: F1 of the best answer; 0 for a question without answer.
    """

    answerable: np.ndarray
    refusal: np.ndarray
    confidence: np.ndarray
    em: np.ndarray
    f1: np.ndarray


class Rule(Protocol):
    """Whatever chooses limits."""

    def limits(self, outcomes: Outcomes) -> Limits:
        """The limits that suit what came of questions."""
        ...


@dataclass(frozen=True)
class BestF1:
    """The limit that gives the best mean F1, as the official script for SQuAD v2.0 chooses it."""

    def limits(self, outcomes: Outcomes) -> Limits:
        """One on refusal; infinite where all questions have an answer, as they tell nothing of those that have none."""
        if outcomes.answerable.all():
            return Limits(refusal=math.inf)
        return Limits(refusal=best_threshold(outcomes.f1, outcomes.answerable, outcomes.refusal).value)


@dataclass(frozen=True)
class Precision:
    """The limit that answers most questions while a part of the answers given, measured by EM, is right.

    Args:
        value: That part, from 0 to 1.
    """

    value: float

    def limits(self, outcomes: Outcomes) -> Limits:
        """One on confidence; infinite, which answers nothing, where none will do."""
        return Limits(refusal=math.inf, confidence=precision_threshold(outcomes.confidence, outcomes.em, self.value))


@dataclass(frozen=True)
class Conformal:
    """The limit that keeps the part of wrong answers among those given at or below a rate, with a guarantee.

    The guarantee, see [`conformal_threshold`][cascade.evaluation.selection.conformal_threshold], holds only of
    questions that nothing else was fitted on.

    Args:
        error: The rate, between 0 and 1.
        risk: The probability that it is exceeded all the same.
    """

    error: float
    risk: float = 0.05

    def limits(self, outcomes: Outcomes) -> Limits:
        """One on confidence; infinite, which answers nothing, where none passes."""
        least = conformal_threshold(outcomes.confidence, outcomes.em, error=self.error, risk=self.risk)
        return Limits(refusal=math.inf, confidence=least)


def check_any(outcomes: Outcomes) -> None:
    """See that there is a question to choose limits on.

    Raises:
        DataError: There is none.
    """
    if not len(outcomes.answerable):
        raise DataError("expected questions with candidates to choose the limits of answering on, got none")
