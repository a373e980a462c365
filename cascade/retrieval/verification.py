"""Whether the parts of an index are whole and agree, and how they are made to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from cascade.errors import StoreError
from cascade.retrieval.dense import DenseIndex
from cascade.retrieval.layout import Layout
from cascade.retrieval.lexical import LexicalIndex
from cascade.retrieval.locking import only_writer
from cascade.retrieval.manifest import Manifest
from cascade.retrieval.segments import damaged_files
from cascade.retrieval.store import Store
from cascade.retrieval.writing import Writer


def problems(store: Store, lexical: LexicalIndex, dense: DenseIndex | None) -> list[str]:
    """What is wrong with an index that nobody is writing to, in sentences."""
    found: list[str] = []
    checks: list[Callable[[], Iterable[str]]] = [store.problems, lambda: _lexical(store, lexical)]
    if dense is not None:
        checks.append(lambda: _dense(store, dense))
    for check in checks:
        try:
            found.extend(check())
        except StoreError as error:
            found.append(str(error))
    return found


def _lexical(store: Store, lexical: LexicalIndex) -> Iterator[str]:
    for name in damaged_files(lexical.folder):
        yield f"lexical: {name} is damaged"
    rows, stored = lexical.rows(), store.rows()
    yield from _differences("lexical", rows, stored, {*store.stale()})
    if len(np.unique(rows)) < len(rows):
        yield "lexical: passages are in it twice"


def _dense(store: Store, dense: DenseIndex) -> Iterator[str]:
    dense.check()
    rows = store.rows()
    for start in range(0, len(rows), 10_000):
        some = rows[start : start + 10_000]
        found, vectors = store.vectors(some.tolist())
        yield from _differences("vectors", found, some, ())
        if len(found) and not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):
            yield f"vectors: some of those of rows {found[0]} to {found[-1]} are not of length 1"


def _differences(part: str, rows: np.ndarray, stored: np.ndarray, stale: Iterable[int]) -> Iterator[str]:
    if len(missing := np.setdiff1d(stored, rows)):
        yield f"{part}: {len(missing)} passages are missing, the first of row {missing[0]}"
    extra = [row for row in np.setdiff1d(rows, stored).tolist() if row not in stale]
    if extra:
        yield f"{part}: {len(extra)} passages are in it that the store does not have, the first of row {extra[0]}"


def repair(folder: Path) -> None:
    """Makes the parts of an index again that are damaged or missing, from the passages and vectors.

    Raises:
        StoreError: Passages or manifest are damaged themselves, or another one is writing.
    """
    layout, manifest = Layout(folder), Manifest.load(folder)
    with only_writer(layout.lock), closing(Store(layout.store)) as store:
        try:
            lexical = LexicalIndex(layout.lexical, manifest.analysis)
            whole = not len(np.setdiff1d(store.rows(), lexical.rows()))
        except StoreError:
            whole = False
        if not whole:
            LexicalIndex.create(layout.lexical)
            Writer(store, LexicalIndex(layout.lexical, manifest.analysis), None).compact()
        dense = DenseIndex(folder)
        try:
            dense.check()
        except StoreError:
            dense.path.unlink()
