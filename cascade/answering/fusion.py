"""Fusion: one score for each candidate out of what the stages say, and one for "none of them is right".

The score is a linear combination of standardised features, its weights those of a conditional logit (McFadden 1974):
one of a question's candidates is right, or none is, with probabilities softmax(scores). RE3QA (Hu et al. 2019, ACL,
section 3.4) picks its weights by hand; they are kept as a preset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cascade.answering.candidates import Candidates
from cascade.errors import DataError

STAGES: Mapping[str, tuple[str, ...]] = {"search": ("search", "rank"), "read": ("read", "margin")}
"""Features by stage; one that stands here under no stage is a stage by itself."""


def stage_of(feature: str) -> str:
    """The stage of the cascade that a feature belongs to."""
    return next((stage for stage, features in STAGES.items() if feature in features), feature)


def features(candidates: Candidates) -> dict[str, np.ndarray]:
    """The features of candidates, shape [n] each; those alone whose stages have given a score.

    `margin` is read - null, the log odds of the span to no answer in its passage. `search` is relative to the best hit
    that has a candidate, since hits' scores compare within one search alone; `rank` is the log of the hit's rank, as
    passages stand in the order of their hits. All else is the stage's own score.
    """
    given = candidates.scores
    found = {name: np.asarray(values, float) for name, values in given.items() if name not in ("null", "search")}
    if "read" in given:
        found["margin"] = found["read"] - given.get("null", 0.0)
    if "search" in given:
        found["search"] = given["search"] / max(np.abs(given["search"]).max(initial=0.0), 1e-12)
        found["rank"] = np.log1p(candidates.passage)
    return found


@dataclass(frozen=True, kw_only=True)
class Weight:
    """What a feature adds to the score: weight * (feature - mean) / scale.

    Args:
        weight: Of the standardised feature.
        mean: The feature's mean over the candidates that the weight was fitted on.
        scale: Its standard deviation over them.
    """

    weight: float
    mean: float = 0.0
    scale: float = 1.0


def _logits() -> dict[str, Weight]:
    return {name: Weight(weight=1.0) for name in ("margin", "retrieve", "rerank")}


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """How stages are weighed against each other; the sum of their logits, unless fitted.

    Args:
        weights: By feature. One whose stage is missing adds nothing, as if it were at its mean.
        none: Score of "none is right".
        passages: What the log of the number of passages adds to that score: the more passages are read, the better
            the best wrong candidate is by chance.
    """

    weights: Mapping[str, Weight] = field(default_factory=_logits)
    none: float = 0.0
    passages: float = 0.0

    @classmethod
    def re3qa(cls) -> Fusion:
        """RE3QA's weights: read - 0.05 * length + 1.4 * retrieve + 1.4 * rerank (its released code)."""
        weights = {"read": 1.0, "length": -0.05, "retrieve": 1.4, "rerank": 1.4}
        return cls(weights={name: Weight(weight=weight) for name, weight in weights.items()})

    def without(self, stage: str) -> Fusion:
        """The same without the features of a stage."""
        kept = {name: weight for name, weight in self.weights.items() if stage_of(name) != stage}
        return Fusion(weights=kept, none=self.none, passages=self.passages)

    def contributions(self, candidates: Candidates) -> dict[str, np.ndarray]:
        """What each feature adds to the score of each candidate, shape [n] each."""
        found = features(candidates)
        return {
            name: of.weight * (found[name] - of.mean) / of.scale for name, of in self.weights.items() if name in found
        }

    def scores(self, candidates: Candidates) -> np.ndarray:
        """The score of each candidate. Shape: [n]."""
        return np.asarray(sum(self.contributions(candidates).values(), np.zeros(len(candidates))))

    def none_score(self, candidates: Candidates) -> float:
        """The score of "none of these is right"."""
        return self.none + self.passages * float(np.log(max(1, candidates.passages)))

    def to_json(self) -> dict[str, Any]:
        """The weights as plain values."""
        weights = {name: [of.weight, of.mean, of.scale] for name, of in self.weights.items()}
        return {"weights": weights, "none": self.none, "passages": self.passages}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Fusion:
        """The fusion that `to_json` has written."""
        weights = {
            name: Weight(weight=float(weight), mean=float(mean), scale=float(scale))
            for name, (weight, mean, scale) in values["weights"].items()
        }
        return cls(weights=weights, none=float(values["none"]), passages=float(values["passages"]))


def fit_fusion(questions: Sequence[Candidates], grades: Sequence[np.ndarray], *, strength: float = 1.0) -> Fusion:
    """The weights of the highest penalised likelihood.

    What is maximised is the sum over questions of log(sum_i grade_i * p_i), where i runs over the candidates and
    "none", whose grade is 1 less the best candidate's. With grades of 0 and 1 this is the marginal likelihood of the
    right candidates; with F1 as grade, the log of the F1 that is expected.

    Args:
        questions: Candidates of one question each; a question without any says nothing.
        grades: How right each candidate is, from 0 to 1. Shape: [n] each.
        strength: Weights of standardised features have a normal prior of variance 1 / strength; `none` has none.

    Raises:
        DataError: No question has a candidate, or grades are not one a candidate from 0 to 1.
    """
    from scipy.optimize import minimize  # SciPy takes a second to import, and every pipeline imports this

    pairs = [(question, grade) for question, grade in zip(questions, grades, strict=True) if len(question)]
    if not pairs:
        raise DataError("expected questions with candidates to fit the fusion on, got none")
    names, means, scales, table = _standardised([question for question, _ in pairs])
    rewards, begins = _options([grade for _, grade in pairs], [len(question) for question, _ in pairs])
    design = _design(table, begins, [question.passages for question, _ in pairs])
    penalty = np.full(design.shape[1], strength)
    penalty[-2] = 0.0  # "none" has to find its level freely

    def objective(weights: np.ndarray) -> tuple[float, np.ndarray]:
        loss, slope = _loss(design @ weights, rewards, begins)
        return loss + 0.5 * float(penalty @ weights**2), design.T @ slope + penalty * weights

    found = minimize(objective, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 1000}).x
    *weights, none, passages = found.tolist()
    fitted = {
        name: Weight(weight=weight, mean=mean, scale=scale)
        for name, weight, mean, scale in zip(names, weights, means, scales, strict=True)
    }
    return Fusion(weights=fitted, none=none, passages=passages)


def _standardised(questions: Sequence[Candidates]) -> tuple[list[str], list[float], list[float], np.ndarray]:
    """Names, means and scales of features, and the standardised table: 0, the mean, for what a question lacks."""
    found = [features(question) for question in questions]
    names = sorted({name for one in found for name in one})
    columns = []
    for name in names:
        parts = [one.get(name, np.full(len(q), np.nan)) for one, q in zip(found, questions, strict=True)]
        columns.append(np.concatenate(parts))
    table = np.stack(columns, axis=1)
    means, scales = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
    scales[scales < 1e-9] = 1.0
    return names, means.tolist(), scales.tolist(), np.nan_to_num((table - means) / scales)


def _options(grades: Sequence[np.ndarray], sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Rewards of all questions' options, "none" behind the candidates of each; and where each question begins."""
    rewards = []
    for grade, size in zip(grades, sizes, strict=True):
        if grade.shape != (size,) or not ((grade >= 0) & (grade <= 1)).all():
            raise DataError(f"expected a grade from 0 to 1 for each of {size} candidates, got shape {grade.shape}")
        rewards.append(np.append(grade, 1 - grade.max()))
    return np.concatenate(rewards), np.cumsum([0, *(size + 1 for size in sizes[:-1])])


def _design(table: np.ndarray, begins: np.ndarray, passages: Sequence[int]) -> np.ndarray:
    """Features of all options: those of candidates, then 1 and the log number of passages for "none"."""
    rows, width = table.shape
    is_none = np.zeros(rows + len(begins), dtype=bool)
    is_none[np.append(begins[1:], len(is_none)) - 1] = True
    design = np.zeros((len(is_none), width + 2))
    design[~is_none, :width] = table
    design[is_none, width] = 1.0
    design[is_none, width + 1] = np.log(passages)
    return design


def _loss(scores: np.ndarray, rewards: np.ndarray, begins: np.ndarray) -> tuple[float, np.ndarray]:
    """-log of the reward that is expected, summed over questions; and its gradient by the scores."""
    with np.errstate(divide="ignore"):
        rewarded = scores + np.log(rewards)
    total, share = _normalised(scores, begins)
    kept, posterior = _normalised(rewarded, begins)
    return float(np.sum(total - kept)), share - posterior


def _normalised(scores: np.ndarray, begins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log of the sum of exponentials of each question, and the softmax within it."""
    counts = np.diff(np.append(begins, len(scores)))
    highest = np.maximum.reduceat(scores, begins)
    powers = np.exp(scores - np.repeat(highest, counts))
    sums = np.add.reduceat(powers, begins)
    return highest + np.log(sums), powers / np.repeat(sums, counts)
