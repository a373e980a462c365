"""Decisions: the answers to one question, how sure they are, and whether one is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cascade.answering.candidates import Candidates


@dataclass(frozen=True, kw_only=True)
class Group:
    """Candidates of one text: one answer, wherever it stands.

    Attributes:
        members: Numbers of its candidates, the best first.
        probability: After fusion and aggregation; those of all groups and "none" sum to 1.
        confidence: Probability that it is right, to the word, calibrated; another may be surer that is worth less, see
            [`cascade.answering.risk`][cascade.answering.risk].
        evidence: Its share by measure, see [`MEASURES`][cascade.answering.aggregation.MEASURES].
        support: Probability by number of the passage, before aggregation.
    """

    members: tuple[int, ...]
    probability: float
    confidence: float
    evidence: Mapping[str, float]
    support: Mapping[int, float]

    @property
    def best(self) -> int:
        """Number of the candidate that represents it."""
        return self.members[0]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of a question.

    Attributes:
        candidates: What it was decided on.
        scores: Fused score of each candidate. Shape: [n].
        contributions: What each feature added to it. Shape: [n] each.
        groups: Answers, the best first, whether or not they are given.
        no_answer_probability: Probability that the passages do not answer the question, calibrated.
        refusal: Log of that probability to the confidence of the best answer; infinite without candidates.
        abstained: Whether no answer is given.
    """

    candidates: Candidates
    scores: np.ndarray
    contributions: Mapping[str, np.ndarray]
    groups: tuple[Group, ...]
    no_answer_probability: float
    refusal: float
    abstained: bool

    @property
    def best(self) -> Group | None:
        """The best answer, whether or not it is given; None without candidates."""
        return self.groups[0] if self.groups else None

    def text(self, group: Group) -> str:
        """The text of a group, as its best candidate has it."""
        return self.candidates.texts[group.best]

    @property
    def prediction(self) -> str:
        """The text that is given as an answer; empty for none."""
        return "" if self.abstained else self.text(self.groups[0])


def no_decision(candidates: Candidates) -> Decision:
    """What becomes of a question without candidates: for certain no answer."""
    return Decision(
        candidates=candidates,
        scores=np.zeros(len(candidates)),
        contributions={},
        groups=(),
        no_answer_probability=1.0,
        refusal=float("inf"),
        abstained=True,
    )
