"""The settings of answering: all that stands between candidates and a decision, fitted once and kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cascade.answering.abstention import Limits, Outcomes, Rule, check_any
from cascade.answering.aggregation import Aggregation, Evidence, gather
from cascade.answering.candidates import Candidates, Labelled, distinct
from cascade.answering.confidence import Calibration, answer_features, none_features
from cascade.answering.decisions import Decision, Group, no_decision
from cascade.answering.fusion import Fusion
from cascade.data.answers import NORMALIZERS, Normalizer, exact_match, token_f1
from cascade.docs import Passage
from cascade.errors import ConfigError, ModelError
from cascade.retrieval import manifest

FORMAT = 1
FILE = "answering.json"
"""Name of the settings in a model folder."""

_FAINTEST = -600.0  # the log of the smallest probability that is told from 0, so that shares can be taken


@dataclass(frozen=True, kw_only=True)
class Answering:
    """How answers are made of candidates: fusion, aggregation, calibration, abstention.

    Unfitted, logits are added, probabilities of equal answers too, nothing is calibrated, and a question is left
    unanswered when "none" is more probable than the best answer.

    Args:
        fusion: Weighs the stages.
        aggregation: Weighs the evidence of groups.
        confidence: Calibrates the probability that an answer is right.
        no_answer: Calibrates the probability that there is none.
        limits: When a question is left unanswered.
        normalizer: Makes answers comparable, see [`NORMALIZERS`][cascade.data.answers.NORMALIZERS].

    Raises:
        ConfigError: There is no such normalizer.
    """

    fusion: Fusion = field(default_factory=Fusion)
    aggregation: Aggregation = field(default_factory=Aggregation)
    confidence: Calibration = field(default_factory=Calibration)
    no_answer: Calibration = field(default_factory=Calibration)
    limits: Limits = field(default_factory=Limits)
    normalizer: str = "squad"

    def __post_init__(self) -> None:
        if self.normalizer not in NORMALIZERS:
            raise ConfigError(f"expected one of {', '.join(NORMALIZERS)} as normalizer, got {self.normalizer!r}")

    @property
    def normalize(self) -> Normalizer:
        """Makes answers comparable."""
        return NORMALIZERS[self.normalizer]

    def decide(self, candidates: Candidates, passages: Sequence[Passage] | None = None) -> Decision:
        """The answers to a question, the best first, how sure they are, and whether one is given.

        Args:
            candidates: Its candidates.
            passages: The passages that they number; given, a span that stands in several, because they overlap, is no
                evidence twice, and the decision's candidates are those that are left.
        """
        if passages is not None:
            candidates = distinct(candidates, passages, self.fusion.scores(candidates))
        if not len(candidates):
            return no_decision(candidates)
        contributions = self.fusion.contributions(candidates)
        scores = self.fusion.scores(candidates)
        evidence, none = self.evidence(candidates)
        shares = evidence.support.sum() * self.aggregation.mix(evidence)
        order = _ranking(self.aggregation.worth(evidence), scores, evidence.group)
        sure, refused = self._probabilities(shares, none, candidates.passages)
        refusal = float(np.log(max(refused, 1e-12)) - np.log(max(sure[order[0]], 1e-12)))
        return Decision(
            candidates=candidates,
            scores=scores,
            contributions=contributions,
            groups=tuple(_groups(order, evidence, scores, shares, sure)),
            no_answer_probability=refused,
            refusal=refusal,
            abstained=self.limits.refuse(refusal, float(sure[order[0]])),
        )

    def evidence(self, candidates: Candidates) -> tuple[Evidence, float]:
        """What speaks for each group of candidates, 1 or more, and the probability that none is right."""
        logits = np.append(self.fusion.scores(candidates), self.fusion.none_score(candidates))
        logits -= logits.max()
        probability = np.exp(np.maximum(logits - np.log(np.exp(logits).sum()), _FAINTEST))
        none = float(probability[-1])
        found = gather(
            candidates.texts,
            candidates.passage,
            probability[:-1],
            none,
            normalize=self.normalize,
            top=self.aggregation.top,
        )
        return found, none

    def without(self, stage: str) -> Answering:
        """The same without what one stage says; `aggregation` leaves each group its best candidate's probability."""
        if stage == "aggregation":
            return replace(self, aggregation=Aggregation(weights={"best": 1.0}, top=self.aggregation.top))
        return replace(self, fusion=self.fusion.without(stage))

    def abstaining(self, questions: Sequence[Labelled], rule: Rule) -> Answering:
        """The same with the limits that a rule chooses on questions.

        Args:
            questions: Those that the rest was fitted on, or for a guarantee others.
            rule: Such as `BestF1()`, `Precision(0.9)` or `Conformal(0.1)`.

        Raises:
            DataError: No question has a candidate.
        """
        answered = [(question, self.decide(question.candidates)) for question in questions if len(question.candidates)]
        outcomes = self._outcomes(answered)
        check_any(outcomes)
        return replace(self, limits=rule.limits(outcomes))

    def save(self, path: str | Path) -> None:
        """Write the settings as JSON, into a model folder as `answering.json`; the file appears whole or not at all.

        Raises:
            StoreError: It cannot be written; what stood there before is untouched.
        """
        path = Path(path) / FILE if Path(path).is_dir() else Path(path)
        manifest.replace(path, (json.dumps(self.to_json(), indent=2, allow_nan=False) + "\n").encode("utf8"))

    @classmethod
    def load(cls, path: str | Path) -> Answering:
        """The settings that `save` has written.

        Args:
            path: The file, or the model folder that it stands in.

        Raises:
            ModelError: The file is missing, damaged, or of a newer format.
        """
        path = Path(path) / FILE if Path(path).is_dir() else Path(path)
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf8")))
        except OSError as error:
            raise ModelError(f"cannot read {path}: {error.strerror or error}") from error
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
        except Exception as error:  # whatever a damaged file may raise
            raise ModelError(f"{path} is damaged: {error!r}; fit and save the settings again") from error

    def to_json(self) -> dict[str, Any]:
        """The settings as plain values."""
        return {
            "format": FORMAT,
            "fusion": self.fusion.to_json(),
            "aggregation": self.aggregation.to_json(),
            "confidence": self.confidence.to_json(),
            "no_answer": self.no_answer.to_json(),
            "limits": self.limits.to_json(),
            "normalizer": self.normalizer,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Answering:
        """The settings that `to_json` has written.

        Raises:
            ModelError: They are of a newer format.
        """
        if values["format"] > FORMAT:
            raise ModelError(f"is of format {values['format']}, this version reads up to {FORMAT}; update cascade-nlp")
        return cls(
            fusion=Fusion.from_json(values["fusion"]),
            aggregation=Aggregation.from_json(values["aggregation"]),
            confidence=Calibration.from_json(values["confidence"]),
            no_answer=Calibration.from_json(values["no_answer"]),
            limits=Limits.from_json(values["limits"]),
            normalizer=values["normalizer"],
        )

    def _probabilities(self, shares: np.ndarray, none: float, passages: int) -> tuple[np.ndarray, float]:
        """Confidence of each group, and the probability of no answer; they never contradict each other."""
        refused = float(self.no_answer(none_features(float(shares.max()), none, passages))[0])
        sure = self.confidence(answer_features(shares, none, passages))
        return np.minimum(sure, 1 - refused), refused

    def _outcomes(self, answered: Sequence[tuple[Labelled, Decision]]) -> Outcomes:
        texts = [decision.text(decision.groups[0]) for _, decision in answered]
        golds = [question.answers for question, _ in answered]
        pairs = list(zip(texts, golds, strict=True))
        return Outcomes(
            answerable=np.array([bool(gold) for gold in golds]),
            refusal=np.array([decision.refusal for _, decision in answered]),
            confidence=np.array([decision.groups[0].confidence for _, decision in answered]),
            em=np.array([exact_match(t, gold, normalize=self.normalize) if gold else 0.0 for t, gold in pairs]),
            f1=np.array([token_f1(t, gold, normalize=self.normalize) if gold else 0.0 for t, gold in pairs]),
        )


def _ranking(worth: np.ndarray, scores: np.ndarray, group: np.ndarray) -> list[int]:
    """Groups, the best first; of equal ones that with the best candidate."""
    best = np.full(len(worth), -np.inf)
    np.maximum.at(best, group, scores)
    order: list[int] = np.lexsort((-best, -worth)).tolist()
    return order


def _groups(
    order: Sequence[int], evidence: Evidence, scores: np.ndarray, shares: np.ndarray, sure: np.ndarray
) -> Iterator[Group]:
    """Groups in an order; decisions are made question by question, so no group looks at all candidates again."""
    by_group = np.lexsort((-scores, evidence.group))
    members = np.split(by_group, np.bincount(evidence.group).cumsum()[:-1])
    measures = {name: share.tolist() for name, share in evidence.measures.items()}
    for number in order:
        held = np.flatnonzero(evidence.support[number])
        yield Group(
            members=tuple(members[number].tolist()),
            probability=float(shares[number]),
            confidence=float(sure[number]),
            evidence={name: share[number] for name, share in measures.items()},
            support=dict(zip(evidence.passages[held].tolist(), evidence.support[number, held].tolist(), strict=True)),
        )
