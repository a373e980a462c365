from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from cascade.errors import ConfigError, StoreError
from cascade.retrieval.dense import KINDS, DenseIndex, encode, kind_for
from cascade.retrieval.store import Entry, Store
from tests.retrieval.made import passage

Found = list[tuple[int, float]]
WIDTH = 24


class Filled:
    """A store with vectors, and beside it a matrix of them."""

    def __init__(self, path: Path, count: int) -> None:
        Store.create(path)
        self.store = Store(path)
        self.vectors: dict[int, np.ndarray] = {}
        self.draw = np.random.default_rng(0)
        self.add(range(count))

    def add(self, documents: Sequence[int]) -> None:
        rows = self.store.reserve(len(documents))
        vectors = self.draw.normal(size=(len(documents), WIDTH)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        entries = []
        for number, row, vector in zip(documents, rows, vectors, strict=True):
            self.vectors[row] = vector
            made = {row: passage(f"{number}#0", "text")}
            entries.append(Entry(id=str(number), fingerprint="", passages=made, vectors={row: vector}))
        self.store.write(entries)
        self._follow()

    def remove(self, documents: Sequence[int]) -> None:
        self.store.remove(map(str, documents))
        self._follow()

    def _follow(self) -> None:
        alive = set(self.store.rows().tolist())
        self.vectors = {row: vector for row, vector in self.vectors.items() if row in alive}

    def nearest(self, query: np.ndarray, limit: int, allowed: set[int] | None = None) -> Found:
        """Brute force."""
        scores = [
            (row, float(v.astype(float) @ query))
            for row, v in self.vectors.items()
            if allowed is None or row in allowed
        ]
        return sorted(scores, key=lambda pair: -pair[1])[:limit]


@pytest.fixture
def filled(tmp_path: Path) -> Callable[[int], Filled]:
    return lambda count: Filled(tmp_path / "passages.sqlite", count)


def recall(found: Found, expected: Found) -> float:
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    return len({row for row, _ in found} & {row for row, _ in expected}) / len(expected)


@pytest.mark.parametrize(("kind", "at_least"), [("flat", 1), ("sq8", 1), ("hnsw", 0.95), ("ivf", 0.6)])
def test_against_brute_force(filled: Callable[[int], Filled], tmp_path: Path, kind: str, at_least: float) -> None:
    """Through additions and deletions, with and without a filter; scores are exact whatever is found."""
    truth = filled(700)
    index = DenseIndex(tmp_path, kind=kind)
    index.refresh(truth.store)
    allowed = np.array(sorted(truth.vectors)[::3])
    for change in (lambda: None, lambda: truth.remove(range(200)), lambda: truth.add(range(100, 400))):
        change()
        index.refresh(truth.store)
        queries = truth.draw.normal(size=(20, WIDTH)).astype(np.float32)
        found = [index.search(query, 10, truth.store) for query in queries]
        assert np.mean([recall(f, truth.nearest(q, 10)) for f, q in zip(found, queries, strict=True)]) >= at_least
        for query, hits in zip(queries, found, strict=True):
            assert dict(hits) == pytest.approx(
                {row: float(truth.vectors[row].astype(float) @ query) for row, _ in hits}
            )
        some = index.search(queries[0], 10, truth.store, allowed=allowed)
        assert recall(some, truth.nearest(queries[0], 10, set(allowed.tolist()))) == 1
    assert index.kind == kind


@pytest.mark.parametrize("kind", ["sq8", "hnsw", "ivf"])
def test_wide_filters(
    filled: Callable[[int], Filled], tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filters that let so much through that faiss does the filtering."""
    monkeypatch.setattr("cascade.retrieval.dense._FEW", 10)
    truth = filled(800)
    index = DenseIndex(tmp_path, kind=kind)
    index.refresh(truth.store)
    allowed = np.array(sorted(truth.vectors)[::2])
    query = truth.draw.normal(size=WIDTH).astype(np.float32)
    found = index.search(query, 10, truth.store, allowed=allowed)
    assert {row for row, _ in found} <= set(allowed.tolist())
    assert recall(found, truth.nearest(query, 10, set(allowed.tolist()))) >= 0.5


@pytest.mark.parametrize("kind", ["sq8", "hnsw", "ivf"])
def test_the_cache(filled: Callable[[int], Filled], tmp_path: Path, kind: str) -> None:
    truth = filled(500)
    index = DenseIndex(tmp_path, kind=kind)
    index.refresh(truth.store)
    index.save(force=True)
    truth.remove([1, 2, 3])
    truth.add([1, 1000])  # after the cache was written
    other = DenseIndex(tmp_path, kind=kind)
    other.refresh(truth.store)
    for query in truth.draw.normal(size=(5, WIDTH)).astype(np.float32):
        found = other.search(query, 20, truth.store)
        assert {row for row, _ in found} <= set(truth.vectors)
        assert recall(found, truth.nearest(query, 20)) >= 0.5
    other.rebuild(truth.store)
    other.save(force=True)
    index.refresh(truth.store)  # reads what the other one wrote
    index.check()


def test_a_small_index_has_no_cache(filled: Callable[[int], Filled], tmp_path: Path) -> None:
    truth = filled(10)
    index = DenseIndex(tmp_path)
    index.refresh(truth.store)
    index.save(force=True)
    assert index.kind == "flat" and not index.path.exists()
    truth.remove(range(10))
    index.refresh(truth.store)
    assert index.search(np.ones(WIDTH, np.float32), 3, truth.store) == []


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-5], lambda b: b[:-5] + b"xxxxx", lambda b: b"", lambda b: b"{}\n" + b]
)
def test_damaged_cache(filled: Callable[[int], Filled], tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    truth = filled(100)
    index = DenseIndex(tmp_path, kind="sq8")
    index.refresh(truth.store)
    index.save(force=True)
    index.path.write_bytes(damage(index.path.read_bytes()))
    with pytest.raises(StoreError, match="repair=True"):
        DenseIndex(tmp_path, kind="sq8").refresh(truth.store)
    with pytest.raises(StoreError, match="damaged"):
        index.check()


def test_growth_changes_the_kind(
    filled: Callable[[int], Filled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [kind_for(count) for count in (0, 20_000, 20_001, 200_001, 1_000_001)] == ["flat", *KINDS]
    monkeypatch.setattr("cascade.retrieval.dense.kind_for", lambda count: "flat" if count < 60 else "sq8")
    truth = filled(50)
    index = DenseIndex(tmp_path)
    for kind in ("flat", "sq8"):
        index.refresh(truth.store)
        index.save()
        assert index.kind == kind
        assert index.path.exists() is False, "not worth a file yet"
        truth.add(range(100, 150))
    with pytest.raises(ConfigError, match="'tree'"):
        DenseIndex(tmp_path, kind="tree")


class Given:
    fingerprint = "given"

    def __init__(self, vectors: Sequence[Sequence[float]]) -> None:
        self.vectors = np.array(vectors)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return self.vectors


def test_vectors_get_unit_length() -> None:
    encoded = encode(Given([[3, 4], [0, 0]]), ["a", "b"], None)
    assert encoded.dtype == np.float32
    assert encoded.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0]]


@pytest.mark.parametrize("vectors", [[[1, 2]], [[1], [2]], [[1, 2], [float("nan"), 1]], [1, 2]])
def test_wrong_vectors(vectors: list[list[float]]) -> None:
    with pytest.raises(StoreError, match="given"):
        encode(Given(vectors), ["a", "b"], 2)
