"""From a decision to the answers that stand in the user's own documents."""

from __future__ import annotations

from collections.abc import Sequence

from cascade.answering.decisions import Decision
from cascade.docs import Answer, Passage
from cascade.retrieval import source_text
from cascade.retrieval.locating import Source, locate


def answers(
    decision: Decision, passages: Sequence[Passage], *, top: int = 1, source: Source = source_text
) -> list[Answer]:
    """The best answers of a decision, one a group; none when it abstained.

    Args:
        decision: The decision.
        passages: The passages that its candidates number.
        top: How many at most.
        source: As for `locate`.

    Returns:
        The best first. Their scores are those of the stages, and `fused`.
    """
    candidates = decision.candidates
    return [
        locate(
            passages[candidates.passage[group.best]],
            int(candidates.first[group.best]),
            int(candidates.last[group.best]),
            confidence=group.confidence,
            scores={name: float(values[group.best]) for name, values in candidates.scores.items()}
            | {"fused": float(decision.scores[group.best])},
            source=source,
        )
        for group in (() if decision.abstained else decision.groups[:top])
    ]
