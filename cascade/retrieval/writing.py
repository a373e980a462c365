"""Changes to an index, in an order that keeps it whole wherever the process is killed.

New passages go into the inverted index first, where no search shows them, since the store does not know their rows.
The store's commit then changes documents from their old state to their new one. Only then do old passages leave the
inverted index, which no search showed any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cascade.docs import Passage
from cascade.errors import StoreError
from cascade.retrieval.dense import Encoder, encode
from cascade.retrieval.facts import facts
from cascade.retrieval.lexical import LexicalIndex, LexicalWriter
from cascade.retrieval.store import Entry, Store

Added = tuple[str, str, Iterable[Passage]]
"""A document's id, its fingerprint, and its passages, which are read only if the fingerprint is new."""

BATCH = 4096
"""Passages that are written at once, but for a document that has more: documents are never divided."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What an addition has changed, in documents."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0


class Writer:
    """Changes a store and the inverted index that follows it; the caller sees to it that there is only one.

    Args:
        store: The store.
        lexical: The inverted index.
        encoder: Makes the vectors; None for an index without.
    """

    def __init__(self, store: Store, lexical: LexicalIndex, encoder: Encoder | None) -> None:
        self.store, self.lexical, self.encoder = store, lexical, encoder

    def add(self, documents: Iterable[Added]) -> Changes:
        """Adds documents, or replaces those that are there in another state.

        Raises:
            StoreError: A passage belongs to another document, or its id is taken.
        """
        known = self.store.documents()
        counts = {"added": 0, "replaced": 0, "unchanged": 0}
        with self.lexical.writing() as writer:
            self._clear(writer)
            for batch in _batches(_changed(documents, known, counts)):
                self._write(batch, writer)
        return Changes(**counts)

    def delete(self, documents: Iterable[str]) -> int:
        """Deletes documents and gives the number of those that were there."""
        with self.lexical.writing() as writer:
            self._clear(writer)
            removed = self.store.remove(documents)
            self._clear(writer)
        return removed

    def compact(self) -> None:
        """Makes the inverted index again, of the passages that there are."""
        with self.lexical.writing() as writer:
            writer.clear()
            for row, passage in self.store.all_passages():
                writer.add(row, passage.text, facts(passage))
            writer.commit()
        self.store.compacted()

    def is_crowded(self) -> bool:
        """Whether more than a fifth of what the inverted index counts is deleted."""
        deleted = self.store.deleted()
        return 5 * deleted > len(self.store) + deleted

    def _write(self, batch: list[tuple[str, str, list[Passage]]], writer: LexicalWriter) -> None:
        passages = [passage for _, _, some in batch for passage in some]
        vectors = self._vectors(passages)
        rows = self.store.reserve(len(passages))
        for row, passage in zip(rows, passages, strict=True):
            writer.add(row, passage.text, facts(passage))
        writer.commit()
        free, entries = iter(rows), []
        for id, fingerprint, some in batch:
            mine = {row: passage for passage, row in zip(some, free, strict=False)}
            of_mine = {row: vectors[row - rows.start] for row in mine} if vectors is not None else {}
            entries.append(Entry(id=id, fingerprint=fingerprint, passages=mine, vectors=of_mine))
        self.store.write(entries)
        self._clear(writer)

    def _vectors(self, passages: Sequence[Passage]) -> np.ndarray | None:
        if self.encoder is None or not passages:
            return None
        return encode(self.encoder, [passage.text for passage in passages], self.store.width())

    def _clear(self, writer: LexicalWriter) -> None:
        """Takes out of the inverted index what the store no longer has, or, since a writer was killed, never had."""
        if rows := self.store.stale():
            writer.delete(rows)
            writer.commit()
            self.store.forget(rows)


def _changed(
    documents: Iterable[Added], known: dict[str, str], counts: dict[str, int]
) -> Iterator[tuple[str, str, list[Passage]]]:
    """The documents that are new or in a new state, with their passages; counts what happens to each."""
    for id, fingerprint, passages in documents:
        change = "unchanged" if known.get(id) == fingerprint else "replaced" if id in known else "added"
        counts[change] += 1
        known[id] = fingerprint
        if change != "unchanged":
            yield id, fingerprint, [_checked(passage, id) for passage in passages]


def _checked(passage: Passage, document: str) -> Passage:
    if passage.document != document:
        raise StoreError(
            f"passage {passage.id} comes with document {document}, but says that it is of {passage.document}"
        )
    try:
        passage.text.encode("utf8")
    except UnicodeEncodeError as error:
        raise StoreError(f"passage {passage.id} has half of a character in its text: {error}") from error
    return passage


def _batches(documents: Iterable[tuple[str, str, list[Passage]]]) -> Iterator[list[tuple[str, str, list[Passage]]]]:
    batch: list[tuple[str, str, list[Passage]]] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += max(1, len(document[2]))  # those without passages count too, lest a long run of them grows without end
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
