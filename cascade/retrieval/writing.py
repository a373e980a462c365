"""Changes to an index, in an order that keeps it whole wherever the process is killed.

New passages go into the inverted index first, where no search shows them, since the store does not know their rows.
The store's commit then changes documents from their old state to their new one. Only then do old passages leave the
inverted index, which no search showed any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import numpy as np

from cascade.docs import Passage
from cascade.errors import StoreError
from cascade.retrieval.dense import Encoder, encode
from cascade.retrieval.facts import facts
from cascade.retrieval.lexical import LexicalIndex, LexicalWriter
from cascade.retrieval.store import Entry, Store
from cascade.retrieval.walking import Skipped

Added = tuple[str, str, Iterable[Passage]]
"""A document's id, its fingerprint, and its passages, which are read only if the fingerprint is new."""


class Addition(NamedTuple):
    """A document on its way into an index; see `Added` and `Document`."""

    id: str
    fingerprint: str
    passages: Iterable[Passage]
    place: str | None = None


_Read = tuple[Addition, list[Passage]]

BATCH = 4096
"""Passages that are written at once, but for a document that has more: documents are never divided."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What an addition has changed, in documents.

    Args:
        added: How many are new.
        replaced: How many were there in another state.
        unchanged: How many were there as they are.
        removed: Ids of those whose files are gone from the folders that were read, or have no text any more.
        skipped: What was passed over in them.
    """

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    removed: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def problems(self) -> list[Skipped]:
        """What was passed over though it should have been read."""
        return [skipped for skipped in self.skipped if not skipped.expected]


class Writer:
    """Changes a store and the inverted index that follows it; the caller sees to it that there is only one.

    Args:
        store: The store.
        lexical: The inverted index.
        encoder: Makes the vectors; None for an index without.
    """

    def __init__(self, store: Store, lexical: LexicalIndex, encoder: Encoder | None) -> None:
        self.store, self.lexical, self.encoder = store, lexical, encoder

    def add(self, documents: Iterable[Addition]) -> Changes:
        """Adds documents, or replaces those that are there in another state.

        Raises:
            StoreError: A passage belongs to another document, its id is taken, or it cannot be stored as it is.
        """
        known = self.store.documents()
        counts = Counter[str]()
        with self.lexical.writing() as writer:
            self._clear(writer)
            for batch in _batches(_changed(documents, known, counts)):
                self._write(batch, writer)
        return Changes(added=counts["added"], replaced=counts["replaced"], unchanged=counts["unchanged"])

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

    def _write(self, batch: list[_Read], writer: LexicalWriter) -> None:
        passages = [passage for _, some in batch for passage in some]
        vectors = self._vectors(passages)
        rows = self.store.reserve(len(passages))
        for row, passage in zip(rows, passages, strict=True):
            writer.add(row, passage.text, facts(passage))
        writer.commit()
        free, entries = iter(rows), []
        for document, some in batch:
            mine = {row: passage for passage, row in zip(some, free, strict=False)}
            of_mine = {row: vectors[row - rows.start] for row in mine} if vectors is not None else {}
            id, fingerprint, _, place = document
            entries.append(Entry(id=id, fingerprint=fingerprint, passages=mine, vectors=of_mine, place=place))
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


def _changed(documents: Iterable[Addition], known: dict[str, str], counts: Counter[str]) -> Iterator[_Read]:
    """The documents that are new or in a new state, with their passages; counts what happens to each."""
    for document in documents:
        id, fingerprint, passages, _ = document
        change = "unchanged" if known.get(id) == fingerprint else "replaced" if id in known else "added"
        counts[change] += 1
        known[id] = fingerprint
        if change != "unchanged":
            yield document, [_checked(passage, id) for passage in passages]


def _checked(passage: Passage, document: str) -> Passage:
    if passage.document != document:
        raise StoreError(
            f"passage {passage.id} comes with document {document}, but says that it is of {passage.document}"
        )
    try:
        passage.text.encode("utf8")
    except UnicodeEncodeError as error:
        raise StoreError(f"passage {passage.id} has half of a character in its text: {error}") from error
    for name, value in passage.metadata.items():
        if isinstance(value, float) and not isfinite(value):
            raise StoreError(f"passage {passage.id}: expected a finite number as {name!r}, got {value}; leave it out")
    return passage


def _batches(documents: Iterable[_Read]) -> Iterator[list[_Read]]:
    batch: list[_Read] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += max(1, len(document[1]))  # those without passages count too, lest a long run of them grows without end
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
