"""Answers: spans of passages that know where in the user's own documents they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer to a question.

    Args:
        text: The answer as its source has it, markup and line ends among it: source[start:end].
        plain: The same as it was read, without markup: passage.text[first:last].
        source: Path or name of the source as the user gave it.
        document: Id of the document.
        passage: Id of the passage.
        start: Its first character in the source.
        end: One past its last character in the source.
        first: Its first character in the passage's text.
        last: One past its last character in the passage's text.
        page: Page of a PDF, from 1.
        confidence: Probability that it is right, from 0 to 1; 1 for gold.
        scores: What each stage of the cascade gave it.
    """

    text: str
    plain: str
    source: str
    document: str
    passage: str
    start: int
    end: int
    first: int
    last: int
    page: int | None = None
    confidence: float = 1.0
    scores: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The answer as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Answer:
        """The answer that `to_json` has written."""
        return cls(**values)
