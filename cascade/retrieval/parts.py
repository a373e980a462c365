"""The parts of an index, opened together and read as one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Literal, Self

import numpy as np

from cascade.errors import StoreError
from cascade.retrieval.dense import DenseIndex
from cascade.retrieval.fusion import convex_combination
from cascade.retrieval.hits import Hit, Place
from cascade.retrieval.layout import Layout
from cascade.retrieval.lexical import LexicalIndex, Required
from cascade.retrieval.manifest import Manifest
from cascade.retrieval.ranking import Ranked, ranked
from cascade.retrieval.store import Store

Mode = Literal["lexical", "dense", "hybrid"]
"""By words, by meaning, or by both."""

_DEPTH = 100
"""How many passages of each ranking are joined, at least."""

# Chosen with MiniLM on the train claims of SciFact and the train and dev articles of a split of SQuAD; near to the 0.8
# that the source of `convex_combination` recommends.
_MEANING = 0.7
"""What the cosine counts of a hit that is found by both, where all counts 1."""


class Parts:
    """Store, inverted index and vectors of one folder, for one process and any of its threads.

    Args:
        layout: The folder.
        manifest: What the index was built with.
        vectors: Whether the dense part is opened.

    Raises:
        StoreError: A part is missing, damaged, or lacks passages.
    """

    store: Store
    lexical: LexicalIndex
    dense: DenseIndex | None
    _generation: int

    def __init__(self, layout: Layout, manifest: Manifest, *, vectors: bool) -> None:
        self._layout, self._manifest, self._vectors = layout, manifest, vectors
        self._mutex = threading.RLock()
        self._inherited: list[Store] = []
        self._open()

    def close(self) -> None:
        """Lets go of the store."""
        self.store.close()

    @contextmanager
    def reading(self) -> Iterator[Self]:
        """All that is read inside belongs to one state of the index."""
        with self._mutex:
            if self._process != os.getpid():
                # SQLite's connections do not survive a fork, nor may they be closed after it.
                self._inherited.append(self.store)
                self._open()
            while True:
                with self.store.snapshot() as generation:
                    if generation == self._generation:
                        yield self
                        return
                # Once the parts are of a generation that is still the store's, they lack none of its passages: what a
                # writer takes out of them it took out of the store before.
                self.lexical.reload()
                if self.dense:
                    self.dense.refresh(self.store)
                self._generation = generation

    def search(
        self, query: str, vector: np.ndarray | None, k: int, mode: Mode, required: Required, allowed: np.ndarray | None
    ) -> list[Hit]:
        """The best passages for one query; within `reading`.

        Args:
            query: The query; nothing is found for a blank one.
            vector: Its vector, unless the mode is `lexical`. Shape: [width].
            k: How many hits at most.
            mode: The mode.
            required: Facts that passages must have.
            allowed: The rows that have them; None if nothing is required. Shape: [rows], int64.
        """
        rankings: dict[str, list[Ranked]] = {}
        limit = max(k, _DEPTH) if mode == "hybrid" else k
        if query.strip() and mode != "dense":
            terms = self._manifest.analysis.terms(query)
            rankings["lexical"] = self._ranked(lambda n: self.lexical.search(terms, n, required), limit, digits=4)
        if query.strip() and self.dense is not None and vector is not None:
            nearest = partial(self.dense.search, vector, store=self.store, allowed=allowed)
            rankings["dense"] = self._ranked(nearest, limit, digits=6)
        if mode == "hybrid" and rankings and vector is not None:
            best = self._joined(rankings, vector)
        else:
            best = [(id, score) for ranking in rankings.values() for id, _, score in ranking]
        return self._hits(rankings, best[:k])

    def tidy(self, *, compact: bool) -> None:
        """Brings files up to date that follow the store at a distance; for the only writer, within `reading`.

        Args:
            compact: Whether all that is deleted leaves them.
        """
        dense = self.dense
        if compact:
            self.lexical.collect_garbage()
            if dense is None and self._manifest.encoder:
                dense = DenseIndex(self._layout.folder, kind=self._manifest.kind)
                dense.refresh(self.store)
            if dense:
                dense.rebuild(self.store)
        if dense:
            dense.save(force=compact)

    def _ranked(self, search: Callable[[int], list[tuple[int, float]]], limit: int, *, digits: int) -> list[Ranked]:
        return ranked(search, self.store.ids, limit, digits=digits)

    def _joined(self, rankings: Mapping[str, list[Ranked]], vector: np.ndarray) -> list[tuple[str, float]]:
        lexical, dense = ({id: score for id, _, score in rankings[name]} for name in ("lexical", "dense"))
        unseen = {row: id for id, row, _ in rankings["lexical"] if id not in dense}
        if unseen and self.dense is not None:
            rows = np.array(list(unseen), dtype=np.int64)
            cosines = self.dense.search(vector, len(rows), self.store, allowed=rows)
            dense |= {unseen[row]: round(cosine, 6) for row, cosine in cosines}
        return convex_combination([lexical, dense], weights=[1 - _MEANING, _MEANING], floors=[0.0, -1.0])

    def _hits(self, rankings: Mapping[str, list[Ranked]], best: Sequence[tuple[str, float]]) -> list[Hit]:
        places: dict[str, dict[str, Place]] = {}
        rows: dict[str, int] = {}
        for name, ranking in rankings.items():
            for rank, (id, row, score) in enumerate(ranking, start=1):
                places.setdefault(id, {})[name] = Place(rank, score)
                rows[id] = row
        passages = self.store.passages([rows[id] for id, _ in best])
        return [
            Hit(passage=passages[rows[id]], score=score, rank=rank, stages=places[id])
            for rank, (id, score) in enumerate(best, start=1)
        ]

    def _open(self) -> None:
        self._process, self._generation = os.getpid(), -1
        self.store = Store(self._layout.store)
        try:
            self.lexical = LexicalIndex(self._layout.lexical, self._manifest.analysis)
            self.dense = DenseIndex(self._layout.folder, kind=self._manifest.kind) if self._vectors else None
            with self.reading():
                if len(self.lexical) < len(self.store):
                    raise StoreError(f"{self._layout.lexical} lacks passages: cascade index compact, or repair=True")
        except StoreError:
            self.store.close()
            raise
