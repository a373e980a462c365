"""Error attribution: of each wrong answer, the first stage that lost the right one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rich.table import Table

from cascade.answering.decisions import Decision
from cascade.data.answers import Normalizer, exact_match, normalize_squad


class Outcome(StrEnum):
    """What became of a question, in the order of the stages."""

    NOT_RETRIEVED = "not retrieved"
    PRUNED = "pruned"
    NOT_READ = "not read"
    OUTVOTED = "outvoted"
    WRONGLY_ABSTAINED = "wrongly abstained"
    ANSWERED_UNANSWERABLE = "answered an unanswerable"
    RIGHT = "right"


MEANINGS: Mapping[Outcome, str] = {
    Outcome.NOT_RETRIEVED: "no passage that was found holds a gold answer",
    Outcome.PRUNED: "one does, and none that was kept to be read",
    Outcome.NOT_READ: "one that was kept does, and no candidate is a gold answer",
    Outcome.OUTVOTED: "a candidate is, and another won",
    Outcome.WRONGLY_ABSTAINED: "it won, and was not given",
    Outcome.ANSWERED_UNANSWERABLE: "there is no answer, and one was given",
    Outcome.RIGHT: "a gold answer was given, or rightly none",
}
"""What each outcome says."""


def attribute(
    answers: Sequence[str],
    decision: Decision,
    found: Sequence[str],
    kept: Collection[int],
    *,
    normalize: Normalizer = normalize_squad,
) -> Outcome:
    """What became of a question.

    A passage holds a gold answer when its words contain those of the answer, whether or not they stand there for it.

    Args:
        answers: Gold answers; none when the question has no answer, wherever it is looked for.
        decision: What was decided on its candidates.
        found: Texts of all passages that were found.
        kept: Numbers of those that were kept to be read.
        normalize: Makes texts comparable.
    """
    if not answers:
        return Outcome.RIGHT if decision.abstained else Outcome.ANSWERED_UNANSWERABLE
    if decision.best and exact_match(decision.text(decision.best), answers, normalize=normalize):
        return Outcome.WRONGLY_ABSTAINED if decision.abstained else Outcome.RIGHT
    if any(exact_match(text, answers, normalize=normalize) for text in set(decision.candidates.texts)):
        return Outcome.OUTVOTED
    holding = [number for number, text in enumerate(found) if holds(text, answers, normalize=normalize)]
    if any(number in kept for number in holding):
        return Outcome.NOT_READ
    return Outcome.PRUNED if holding else Outcome.NOT_RETRIEVED


def holds(text: str, answers: Sequence[str], *, normalize: Normalizer = normalize_squad) -> bool:
    """Whether a text contains the words of an answer, side by side; an answer without a word is contained nowhere."""
    words = f" {normalize(text)} "
    return any(f" {answer} " in words for answer in map(normalize, answers) if answer)


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """What became of the questions of an evaluation set.

    Args:
        outcomes: By question id.
    """

    outcomes: Mapping[str, Outcome]

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many questions have each outcome, in the order of the stages."""
        given = list(self.outcomes.values())
        return {outcome: given.count(outcome) for outcome in Outcome}

    def table(self) -> Table:
        """The counts with their parts of the whole, as a table."""
        table = Table("outcome", "questions", "%", "meaning", header_style="bold")
        for column in table.columns[1:3]:
            column.justify = "right"
        for outcome, count in self.counts.items():
            part = f"{100 * count / len(self.outcomes):.1f}" if self.outcomes else ""
            table.add_row(outcome.value, str(count), part, MEANINGS[outcome])
        return table

    def to_json(self) -> dict[str, Any]:
        """The counts, and the outcome of each question, as plain values."""
        return {
            "counts": {outcome.value: count for outcome, count in self.counts.items()},
            "questions": {question: outcome.value for question, outcome in self.outcomes.items()},
        }
