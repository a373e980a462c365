"""What retrievers are and what they find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cascade.docs import Passage
from cascade.retrieval.facts import Where


@dataclass(frozen=True)
class Place:
    """Where one retriever has ranked a passage.

    Args:
        rank: From 1.
        score: In that retriever's own scale.
    """

    rank: int
    score: float


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A passage that was found.

    Args:
        passage: The passage.
        score: The higher the better; comparable within one search alone.
        rank: From 1.
        stages: The places that the retrievers gave it whose rankings were joined, by their names.
    """

    passage: Passage
    score: float
    rank: int
    stages: Mapping[str, Place] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The passage's id."""
        return self.passage.id


class Retriever(Protocol):
    """Whatever finds passages for a question."""

    def search(self, query: str, k: int = 10, *, where: Where | None = None) -> list[Hit]:
        """The best passages for a text.

        Args:
            query: A user's text; nothing in it is syntax.
            k: How many hits at most.
            where: What must hold for a passage, see [`conditions`][cascade.retrieval.facts.conditions].

        Returns:
            The best first; equal scores in the order of their ids. None where nothing matches.
        """
        ...

    def search_batch(self, queries: Sequence[str], k: int = 10, *, where: Where | None = None) -> list[list[Hit]]:
        """The best passages for each of several texts."""
        ...
