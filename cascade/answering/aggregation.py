"""Evidence aggregation: what several candidates of one text are worth together (Wang et al. 2018, ICLR).

Wang et al. rerank answers by strength (how often and how probably an answer was extracted) and coverage (what the
passages that hold it say together), and mix the normalised scores. Coverage by a network over the union of passages is
another task's matter; what can be had from candidates is how many passages stand behind an answer, and with what
probability one of them at least does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cascade.answering.risk import expected_scores, overlaps
from cascade.data.answers import Normalizer
from cascade.errors import DataError

MEASURES = ("best", "mass", "count", "passages", "union")
"""What is measured of a group: the probability of its best candidate; the sum over its candidates; how many of the top
candidates it has, and from how many passages; and noisy-or, the probability that one passage or more supports it."""
EVEN = 0.5
"""The part of F1 in what an answer is worth where exact match counts as much."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Candidates grouped by text, and what speaks for each group.

    Attributes:
        group: Number of each candidate's group. Shape: [n], int.
        measures: By name, each normalised to a sum of 1 over the groups. Shape: [groups].
        support: Probability that each passage adds to each group. Shape: [groups, passages].
        passages: The numbers of those passages. Shape: [passages], int.
        overlap: F1 of the words of each two groups. Shape: [groups, groups].
    """

    group: np.ndarray
    measures: Mapping[str, np.ndarray]
    support: np.ndarray
    passages: np.ndarray
    overlap: np.ndarray


def groups(texts: Sequence[str], normalize: Normalizer) -> np.ndarray:
    """Numbers of groups of equal normalised text, in order of appearance. Shape: [n], int.

    Texts of which normalisation leaves nothing are equal only if they are equal as they stand.
    """
    numbers: dict[tuple[str, str], int] = {}
    keys = [(normal, "" if normal else text) for text in texts for normal in [normalize(text)]]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=int)


def gather(
    texts: Sequence[str],
    passage: np.ndarray,
    probability: np.ndarray,
    none: float,
    *,
    normalize: Normalizer,
    top: int,
) -> Evidence:
    """Groups candidates and measures what speaks for each group.

    Args:
        texts: Texts of the candidates, 1 or more.
        passage: Their passages. Shape: [n], int.
        probability: Their probabilities. Shape: [n].
        none: The probability that none is right.
        normalize: Makes texts comparable.
        top: How many candidates count for `count` and `passages`.
    """
    group = groups(texts, normalize)
    numbers, column = np.unique(passage, return_inverse=True)
    support, present = (np.zeros((group.max() + 1, len(numbers))) for _ in range(2))
    np.add.at(support, (group, column), probability)
    foremost = np.argsort(-probability, kind="stable")[:top]
    np.add.at(present, (group[foremost], column[foremost]), 1.0)
    best = np.zeros(len(support))
    np.maximum.at(best, group, probability)
    measures = {
        "best": best,
        "mass": support.sum(axis=1),
        "count": present.sum(axis=1),
        "passages": (present > 0).sum(axis=1).astype(float),
        "union": _noisy_or(support, none),
    }
    shares = {name: values / values.sum() for name, values in measures.items()}
    words = [normalize(texts[first]).split() for first in np.unique(group, return_index=True)[1]]
    return Evidence(group=group, measures=shares, support=support, passages=numbers, overlap=overlaps(words))


def _noisy_or(support: np.ndarray, none: float) -> np.ndarray:
    """The probability that one passage or more supports a group, each passage against "none" by itself."""
    local = np.minimum(support / np.maximum(none + support.sum(axis=0), np.finfo(float).tiny), 1.0)
    with np.errstate(divide="ignore"):
        return np.asarray(-np.expm1(np.log1p(-local).sum(axis=1)))


@dataclass(frozen=True, kw_only=True)
class Aggregation:
    """How the measures of a group are mixed, and what it is worth; the sum of its probabilities, unless fitted.

    Args:
        weights: By measure, 0 or more, with a sum of 1.
        top: How many candidates count for `count` and `passages`.
        overlap: How much F1 there is in what a group is worth, from 0 to 1; the rest is exact match.

    Raises:
        DataError: A weight is of no measure, is negative, or they do not sum to 1; or `overlap` is out of range.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: {"mass": 1.0})
    top: int = 20
    overlap: float = 0.0

    def __post_init__(self) -> None:
        weights = self.weights.values()
        if not self.weights.keys() <= {*MEASURES} or min(weights, default=-1) < 0 or abs(sum(weights) - 1) > 1e-6:
            raise DataError(
                f"aggregation: expected weights of 0 or more with a sum of 1 for {', '.join(MEASURES)}, "
                f"got {dict(self.weights)}"
            )
        if not 0 <= self.overlap <= 1:
            raise DataError(f"aggregation: expected an overlap from 0 to 1, got {self.overlap}")

    def mix(self, evidence: Evidence) -> np.ndarray:
        """The share of each group, with a sum of 1. Shape: [groups]."""
        return np.asarray(sum(weight * evidence.measures[name] for name, weight in self.weights.items()))

    def worth(self, evidence: Evidence) -> np.ndarray:
        """What each group can be expected to score, by which they are ranked. Shape: [groups]."""
        return expected_scores(self.mix(evidence), evidence.overlap, self.overlap)

    def to_json(self) -> dict[str, Any]:
        """The weights as plain values."""
        return {"weights": dict(self.weights), "top": self.top, "overlap": self.overlap}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Aggregation:
        """The aggregation that `to_json` has written, with or without `overlap`."""
        weights = {name: float(weight) for name, weight in values["weights"].items()}
        return cls(weights=weights, top=int(values["top"]), overlap=float(values.get("overlap", 0.0)))


def fit_aggregation(
    evidence: Sequence[Evidence], grades: Sequence[np.ndarray], *, top: int = 20, strength: float = 1.0
) -> Aggregation:
    """The convex mix of the highest likelihood; what a group is worth is the mean of its exact match and F1.

    Each measure is a distribution over groups, so their mix is one; what is maximised is the sum over questions of
    log(sum_a grade_a * share_a), which is concave in the weights, by expectation maximisation. Questions without a
    candidate that is right in part say nothing of how groups rank.

    Args:
        evidence: Of one question each.
        grades: How right each candidate of theirs is, from 0 to 1. Shape: [n] each.
        top: As `gather` was given.
        strength: Of a prior that speaks for `mass`, in questions.
    """
    expected = [_expected(one, grade) for one, grade in zip(evidence, grades, strict=True)]
    rewards = np.array([row for row in expected if any(row)])
    if not len(rewards):
        return Aggregation(top=top, overlap=EVEN)
    prior = strength * (np.array(MEASURES) == "mass")
    weights = np.full(len(MEASURES), 1 / len(MEASURES))
    for _ in range(2000):
        shares = rewards * weights
        counts = (shares / shares.sum(axis=1, keepdims=True)).sum(axis=0) + prior
        before, weights = weights, counts / counts.sum()
        if np.abs(weights - before).max() < 1e-7:
            break
    weights = np.where(weights < 1e-3, 0.0, weights)
    mixed = zip(MEASURES, (weights / weights.sum()).tolist(), strict=True)
    return Aggregation(weights={name: weight for name, weight in mixed if weight}, top=top, overlap=EVEN)


def _expected(evidence: Evidence, grade: np.ndarray) -> list[float]:
    """The grade that is expected by each measure alone."""
    of_group = np.zeros(len(evidence.support))
    np.maximum.at(of_group, evidence.group, grade)
    return [float(of_group @ evidence.measures[name]) for name in MEASURES]
