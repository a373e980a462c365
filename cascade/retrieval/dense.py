"""The dense part of an index: nearest vectors by inner product, by faiss.

The vectors lie in the store. What faiss makes of them is a cache: it finds candidates, whose scores are then computed
from the vectors themselves. So scores are exact whatever the kind of search, and a lost or old cache loses nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

import faiss
import numpy as np

from cascade.errors import ConfigError, StoreError
from cascade.retrieval.manifest import replace
from cascade.retrieval.store import Store

KINDS = ("flat", "sq8", "hnsw", "ivf")
FILE = "vectors.faiss"
_OVERSAMPLING = 4
_FEW = 2_000
"""So many allowed rows are compared one by one rather than searched."""
_SAMPLE = 50_000
"""So many vectors are enough to learn from, and are held in memory at once."""


class Encoder(Protocol):
    """Turns texts into vectors."""

    fingerprint: str
    """Tells encoders apart whose vectors cannot be compared."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """One vector for each text, of any length; zero is near to nothing. Shape: [texts, width], float32."""
        ...


def encode(encoder: Encoder, texts: Sequence[str], width: int | None) -> np.ndarray:
    """Vectors of unit length.

    Args:
        encoder: The encoder.
        texts: The texts.
        width: Length of the vectors that there are already.

    Returns:
        Shape: [texts, width], float32.

    Raises:
        StoreError: The encoder gives other than one vector of finite numbers for each text, or of another width.
    """
    vectors = np.asarray(encoder.encode(texts), dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(texts) or width not in (None, vectors.shape[1]):
        expected = f"[{len(texts)}, {width or 'width'}]"
        raise StoreError(f"{encoder.fingerprint}: expected vectors of shape {expected}, got {list(vectors.shape)}")
    if not np.isfinite(vectors).all():
        raise StoreError(f"{encoder.fingerprint} gives vectors that are not finite")
    lengths: np.ndarray = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.maximum(lengths, 1e-12))


def kind_for(count: int) -> str:
    """How so many vectors are best searched.

    One by one (`flat`) up to 20,000, one by one in a byte per number (`sq8`) up to 200,000, along a graph of
    neighbours (`hnsw`) up to a million, in the nearest of many cells (`ivf`) beyond.
    """
    return KINDS[sum(count > bound for bound in (20_000, 200_000, 1_000_000))]


class DenseIndex:
    """Nearest vectors of a store; it shows one state of the store until `refresh`.

    Args:
        folder: Where the cache lies.
        kind: One of `KINDS`; chosen by size when None.

    Raises:
        ConfigError: There is no such kind.
    """

    def __init__(self, folder: Path, *, kind: str | None = None) -> None:
        if kind is not None and kind not in KINDS:
            raise ConfigError(f"there is no search of the kind {kind!r}; choose from {', '.join(KINDS)}, or None")
        self.path, self._wanted = folder / FILE, kind
        self._signature: tuple[int, ...] | None = None
        self._live = self._rows = np.zeros(0, dtype=np.int64)
        self._index: Any = None  # a faiss.IndexIDMap2 whose ids are rows
        self._kind: str | None = None
        self._trained = self._saved = 0  # of how many vectors the index has learnt, and how many are on the disk
        self._dead: Any = None  # a faiss.IDSelector that passes over the rows that the store no longer has

    @property
    def kind(self) -> str | None:
        """How vectors are searched at present; None while there is none."""
        return self._kind

    def refresh(self, store: Store) -> None:
        """Shows what the store holds now.

        Raises:
            StoreError: The cache is damaged.
        """
        self._load()
        self._live = store.rows()
        missing, dead = np.setdiff1d(self._live, self._rows), np.setdiff1d(self._rows, self._live)
        kind = self._wanted or kind_for(len(self._live))
        outgrown = kind != "flat" and self._trained < min(_SAMPLE, len(self._live) // 2)
        if kind != self._kind or outgrown or 5 * len(dead) > len(self._rows):
            self.rebuild(store)
        else:
            self._add(missing, store)
            self._dead = faiss.IDSelectorNot(faiss.IDSelectorBatch(dead)) if len(dead) else None

    def rebuild(self, store: Store) -> None:
        """Makes the index again of the vectors that it shows."""
        self._index, self._kind, self._dead = None, None, None
        self._trained = self._saved = 0
        self._rows = np.zeros(0, dtype=np.int64)
        width = store.width()
        if width is None:
            return
        count = len(self._live)
        kind = self._wanted or kind_for(count)
        cells = max(1, min(int(4 * math.sqrt(count)), count // 39))  # faiss asks for 39 vectors a cell
        recipe = {"flat": "Flat", "sq8": "SQ8", "hnsw": "HNSW32_SQ8", "ivf": f"IVF{cells},SQ8"}[kind]
        index = faiss.index_factory(width, recipe, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            sample = store.vectors(self._live[:: math.ceil(count / _SAMPLE)].tolist())[1]
            index.train(sample)
            self._trained = len(sample)
        self._index, self._kind = faiss.IndexIDMap2(index), kind
        self._add(self._live, store)

    def search(
        self, query: np.ndarray, limit: int, store: Store, *, allowed: np.ndarray | None = None
    ) -> list[tuple[int, float]]:
        """The rows whose vectors are nearest.

        Args:
            query: A vector of unit length. Shape: [width], float32.
            limit: How many rows at most.
            store: The store that was given to `refresh`.
            allowed: The only rows that may be found; all when None.

        Returns:
            Rows with the cosines of their vectors, the best first.
        """
        if self._index is None:
            return []
        if allowed is None:
            rows = self._nearest(query, limit, self._dead)
        elif len(allowed) > max(_FEW, len(self._live) // 20):
            rows = self._nearest(query, limit, faiss.IDSelectorBatch(np.intersect1d(allowed, self._live)))
        else:
            rows = allowed
        rows, vectors = store.vectors(rows.tolist())
        scores = vectors.astype(np.float64) @ query.astype(np.float64) if len(rows) else np.zeros(0)
        best = np.lexsort((rows, -scores))[:limit]
        return [(int(rows[i]), float(scores[i])) for i in best]

    def save(self, *, force: bool = False) -> None:
        """Writes the cache, whole or not at all, if the one on the disk lacks much of it.

        Args:
            force: Whether it is written in any case.
        """
        if self._kind in (None, "flat"):  # the vectors themselves
            self.path.unlink(missing_ok=True)
        elif force or len(self._rows) - self._saved > max(1000, len(self._rows) // 20):
            content = faiss.serialize_index(self._index).tobytes()
            head = {"kind": self._kind, "trained": self._trained, "checksum": crc32(content)}
            replace(self.path, json.dumps(head).encode() + b"\n" + content)
            self._saved, self._signature = len(self._rows), self._stat()

    def check(self) -> None:
        """Reads the cache's file.

        Raises:
            StoreError: It is damaged.
        """
        if self.path.exists():
            _read(self.path)

    def _load(self) -> None:
        """Reads the cache if it is another than the one that was read or written last."""
        signature = self._stat()
        if signature is not None and signature != self._signature:
            head, self._index = _read(self.path)
            self._kind, self._trained = head["kind"], head["trained"]
            self._rows = faiss.vector_to_array(self._index.id_map)
            self._saved = len(self._rows)
        self._signature = signature

    def _stat(self) -> tuple[int, ...] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _add(self, rows: np.ndarray, store: Store) -> None:
        for start in range(0, len(rows), _SAMPLE):
            found, vectors = store.vectors(rows[start : start + _SAMPLE].tolist())
            self._index.add_with_ids(vectors, found)
            self._rows = np.concatenate([self._rows, found])

    def _nearest(self, query: np.ndarray, limit: int, selector: Any) -> np.ndarray:
        count = min(limit if self._kind == "flat" else _OVERSAMPLING * limit, len(self._rows))
        options: Any = faiss  # whose type stubs lack these
        if self._kind == "hnsw":
            parameters = options.SearchParametersHNSW(sel=selector, efSearch=max(64, 2 * count))
        elif self._kind == "ivf":
            cells = options.downcast_index(self._index.index).nlist
            parameters = options.SearchParametersIVF(sel=selector, nprobe=max(16, cells // 8))
        else:
            parameters = options.SearchParameters(sel=selector)
        _, found = self._index.search(query[None], count, params=parameters)
        rows: np.ndarray = found[0]
        return rows[rows >= 0]


def _read(path: Path) -> tuple[dict[str, Any], Any]:
    mend = "cascade index compact makes it again from the vectors, and so does Index.open with repair=True"
    try:
        head, _, content = path.read_bytes().partition(b"\n")
        facts: dict[str, Any] = json.loads(head)
        if crc32(content) != facts["checksum"]:
            raise StoreError(f"{path} is damaged: it is not what was written; {mend}")
        return facts, faiss.deserialize_index(np.frombuffer(content, dtype=np.uint8))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise StoreError(f"{path} is damaged: {error}; {mend}") from error
