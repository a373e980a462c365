"""Candidates: the spans that a cascade proposes as answers to one question, with what each stage says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cascade.docs import Passage
from cascade.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """One question's candidate spans, those alone that every stage has kept and scored.

    A span that a stage has pruned is no row here: it has no score of that stage, and could be compared with the others
    only by making one up.

    Args:
        passage: Number of the passage in `doc._.passages`. Shape: [n], int.
        first: First character in the passage's text. Shape: [n], int.
        last: One past the last character. Shape: [n], int.
        texts: passage.text[first:last] of each.
        scores: What each stage says, by name, shape [n] each: `search` (score of the passage's hit), `retrieve` (log
            odds that the passage answers), `read` (start and end logit), `null` (the passage's null logits, start and
            end), `rerank` (logit), `length` (words), and whatever other stages a graph has. What a graph lacks is
            absent.

    Raises:
        DataError: Shapes differ, a span is empty or begins before its passage, or a score is not finite.
    """

    passage: np.ndarray
    first: np.ndarray
    last: np.ndarray
    texts: tuple[str, ...]
    scores: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        shape = (len(self.texts),)
        places = {"passage": self.passage, "first": self.first, "last": self.last}
        for name, values in {**places, **self.scores}.items():
            if np.shape(values) != shape:
                raise DataError(
                    f"candidates: expected {shape[0]} values of {name!r}, one a text, got shape {np.shape(values)}"
                )
        for name, values in self.scores.items():
            if not np.isfinite(values).all():
                raise DataError(f"candidates: {name!r} has a score that is not finite; leave out what was not scored")
        if not ((self.passage >= 0) & (self.first >= 0) & (self.first < self.last)).all():
            raise DataError("candidates: expected spans of one character or more in passages numbered from 0")

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def passages(self) -> int:
        """How many passages have a candidate."""
        return len(np.unique(self.passage))

    def take(self, rows: np.ndarray) -> Candidates:
        """Some of the candidates, by their numbers."""
        return Candidates(
            passage=self.passage[rows],
            first=self.first[rows],
            last=self.last[rows],
            texts=tuple(self.texts[row] for row in rows),
            scores={name: values[rows] for name, values in self.scores.items()},
        )


def distinct(candidates: Candidates, passages: Sequence[Passage], scores: np.ndarray) -> Candidates:
    """The candidates without those that stand where a better one does: passages that overlap hold some spans twice.

    Args:
        candidates: The candidates.
        passages: The passages that they number.
        scores: Which are better. Shape: [n].
    """
    taken: dict[tuple[str, int, int, str], int] = {}
    for row in np.argsort(-scores, kind="stable").tolist():
        passage = passages[candidates.passage[row]]
        start, end = passage.origin(int(candidates.first[row]), int(candidates.last[row]))
        taken.setdefault((passage.source, start, end, candidates.texts[row]), row)
    return candidates.take(np.array(sorted(taken.values()), dtype=int))


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A question with its candidates and its gold answers, to fit on or to measure by.

    Args:
        candidates: Its candidates.
        answers: Texts of the gold answers; none where the passages do not answer the question.
    """

    candidates: Candidates
    answers: tuple[str, ...]

    def graded(self, measure: Callable[[str, Sequence[str]], float]) -> np.ndarray:
        """How right each candidate is; 0 throughout for a question without answer. Shape: [n].

        Args:
            measure: Compares a text with gold answers, as `token_f1` does.
        """
        if not self.answers:
            return np.zeros(len(self.candidates))
        grades = {text: measure(text, self.answers) for text in set(self.candidates.texts)}
        return np.array([grades[text] for text in self.candidates.texts], dtype=float)
