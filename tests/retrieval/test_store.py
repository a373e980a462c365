from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cascade.docs import Passage
from cascade.errors import StoreError
from cascade.retrieval.store import Entry, Store
from tests.retrieval.made import passage


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    Store.create(tmp_path / "passages.sqlite")
    store = Store(tmp_path / "passages.sqlite")
    yield store
    store.close()


def put(store: Store, id: str, *passages: Passage, fingerprint: str = "1") -> range:
    rows = store.reserve(len(passages))
    vectors = {row: np.full(2, row, dtype=np.float32) for row in rows}
    store.write(
        [Entry(id=id, fingerprint=fingerprint, passages=dict(zip(rows, passages, strict=True)), vectors=vectors)]
    )
    return rows


def test_passages_come_back(store: Store) -> None:
    first = passage("a#0", "Ein Häuschen 🏠\r\n\0 \x1b", page=2, year=2001, share=0.5, draft=True, title="Ü")
    second = passage("a#1", "")
    rows = put(store, "a", first, second)
    assert store.passages(rows) == dict(zip(rows, (first, second), strict=True))
    assert store.passages_of("a") == [first, second]
    assert dict(store.all_passages()) == store.passages(rows)
    assert store.ids([*rows, 999]) == {rows[0]: "a#0", rows[1]: "a#1"}
    assert (store.row("a#1"), store.row("z")) == (rows[1], None)
    assert (len(store), store.documents(), store.rows().tolist(), store.width()) == (2, {"a": "1"}, list(rows), 2)
    found, vectors = store.vectors([rows[1], rows[0], 999])
    assert (found.tolist(), vectors.tolist()) == (list(rows), [[row, row] for row in rows])
    assert store.problems() == []


def test_documents_know_their_places(store: Store) -> None:
    put(store, "a")
    store.write([Entry(id="b", fingerprint="2", passages={}, vectors={}, place="/x/b.txt")])
    assert store.known() == [("a", "1", None), ("b", "2", "/x/b.txt")]


def test_passages_know_the_places_of_their_documents(store: Store) -> None:
    own = passage("b#0", "here")
    (row,) = store.reserve(1)
    store.write([Entry(id="b", fingerprint="2", passages={row: own}, vectors={}, place="/x/b.txt")])
    put(store, "a", other := passage("a#0", "nowhere"))
    placed = replace(own, place="/x/b.txt")
    assert store.passages_of("b") == [placed] and store.passages_of("a") == [other]
    assert store.passages([row]) == {row: placed}
    assert [found.place for _, found in store.all_passages()] == ["/x/b.txt", None]
    assert store.problems() == []


def test_many_rows(store: Store) -> None:
    rows = put(store, "a", *(passage(f"a#{number}", "x") for number in range(2500)))
    assert list(dict(store.all_passages())) == list(rows)
    assert len(store.ids(range(40_000))) == 2500


def test_rows_are_stale_before_and_after(store: Store) -> None:
    reserved = store.reserve(2)
    assert store.stale() == list(reserved)
    old = put(store, "a", passage("a#0", "old"))
    new = put(store, "a", passage("a#0", "new"), fingerprint="2")
    assert store.stale() == [*reserved, *old]
    assert len({*reserved, *old, *new}) == 4, "no row is given twice"
    assert store.passages(old) == {}
    assert store.vectors(list(old))[0].tolist() == []
    store.forget([*reserved, *old])
    assert (store.stale(), store.deleted()) == ([], 3)
    store.compacted()
    assert store.deleted() == 0


def test_removal(store: Store) -> None:
    put(store, "a", passage("a#0", "x"))
    put(store, "b")
    assert store.documents() == {"a": "1", "b": "1"}
    assert store.remove(["a", "b", "c"]) == 2
    assert (store.documents(), len(store)) == ({}, 0)


def test_all_or_nothing(store: Store) -> None:
    put(store, "a", passage("a#0", "x"))
    before = store.generation(), store.documents(), store.stale()
    with pytest.raises(StoreError, match="passages.id"):
        store.write(
            [
                Entry(id="a", fingerprint="2", passages={8: passage("a#1", "")}, vectors={}),
                Entry(id="z", fingerprint="1", passages={9: passage("z#0", ""), 10: passage("z#0", "")}, vectors={}),
            ]
        )
    assert (store.generation(), store.documents(), store.stale()) == before


def test_snapshots(store: Store, tmp_path: Path) -> None:
    writer = Store(store.path)
    with store.snapshot() as generation:
        put(writer, "a", passage("a#0", "x"))
        assert (store.generation(), len(store)) == (generation, 0)
    assert (store.generation() > generation, len(store)) == (True, 1)
    writer.close()


def test_deleted_text_leaves_the_disk(store: Store) -> None:
    put(store, "a", passage("a#0", "a most peculiar zeppelin"))
    put(store, "b", passage("b#0", "a boat"))
    store.remove(["a"])
    store.compacted()
    store.shrink()
    kept = b"".join(path.read_bytes() for path in store.path.parent.iterdir())
    assert b"zeppelin" not in kept and b"a boat" in kept


def test_changes_by_something_else_are_found(store: Store) -> None:
    put(store, "a", passage("a#0", "x"), passage("a#1", "x"))
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE passages SET text = 'y' WHERE id = 'a#1'")
        connection.execute("DELETE FROM documents")
    connection.close()
    changed, orphans = store.problems()
    assert "a#1 is not what was written" in changed
    assert "2 passages belong to no document" in orphans


@pytest.mark.parametrize("content", [None, b"", b"no database at all" * 100])
def test_damaged(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "passages.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match="passages.sqlite"):
        Store(path)
