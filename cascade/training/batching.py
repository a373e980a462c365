"""How Docs become batches: by number of Docs, by number of words, or both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from spacy.tokens import Doc

from cascade import docs as documents

POOL = 20
"""Batches' worth of shuffled Docs that are sorted by length together: less padding, and still random."""


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Limits of a batch; at least one is given.

    Args:
        words: Words at most; a longer Doc is a batch of its own. Docs of like length are then put together.
        docs: Docs at most.

    Raises:
        ValueError: No limit, or one below 1.
    """

    words: int | None = None
    docs: int | None = None

    def __post_init__(self) -> None:
        limits = [limit for limit in (self.words, self.docs) if limit is not None]
        if not limits or min(limits) < 1:
            raise ValueError(f"a batch needs words= or docs=, 1 or more, got words={self.words}, docs={self.docs}")

    def cut(self, docs: Sequence[Doc], rng: np.random.Generator) -> list[list[int]]:
        """Shuffle Docs and cut them into batches.

        Args:
            docs: The Docs; each comes once.
            rng: Draws the order.

        Returns:
            The places of the Docs of every batch.
        """
        lengths = np.fromiter(map(documents.size, docs), dtype=np.int64, count=len(docs))
        order = rng.permutation(len(docs))
        if self.words is None:
            return list(self._fill(order, lengths))
        total = max(int(lengths.sum()), 1)
        share = max(round(POOL * self.words * len(docs) / total), 1)
        pools = [order[i : i + share] for i in range(0, len(docs), share)]
        sorted_pools = (pool[np.argsort(lengths[pool], kind="stable")] for pool in pools)
        batches = [batch for pool in sorted_pools for batch in self._fill(pool, lengths)]
        return [batches[i] for i in rng.permutation(len(batches))]

    def _fill(self, order: np.ndarray, lengths: np.ndarray) -> Iterator[list[int]]:
        batch: list[int] = []
        words = 0
        for place in order.tolist():
            length = int(lengths[place])
            full = self.docs is not None and len(batch) == self.docs
            if batch and (full or (self.words is not None and words + length > self.words)):
                yield batch
                batch, words = [], 0
            batch.append(place)
            words += length
        if batch:
            yield batch
