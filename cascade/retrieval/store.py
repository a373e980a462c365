"""The store: an SQLite file with passages and vectors, the truth that the searchable parts of an index follow.

Every passage has a row, a number that is never given twice. The parts know rows alone, and may hold more of them than
the store, never fewer: rows enter the parts before the store and leave them after it. So the commit of the store is
the one moment at which a document changes from its old state to its new one, and what a killed writer leaves behind
is at most rows that the store does not know, which no search shows. `stale` lists them until they are cleared away.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from cascade.docs import Offsets, Passage
from cascade.errors import StoreError

_SCHEMA = """
CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (id TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, place TEXT) WITHOUT ROWID;
CREATE TABLE passages (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document TEXT NOT NULL, text TEXT NOT NULL, source TEXT NOT NULL,
    page INTEGER, offsets TEXT NOT NULL, metadata TEXT NOT NULL, checksum INTEGER NOT NULL
);
CREATE INDEX passages_document ON passages (document);
CREATE TABLE vectors (row INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE stale (row INTEGER PRIMARY KEY);
INSERT INTO state VALUES ('generation', 0), ('next', 1), ('deleted', 0);
"""
_COLUMNS = "id, document, text, source, page, offsets, metadata"
_PASSAGE = f"{_COLUMNS}, (SELECT place FROM documents WHERE documents.id = document)"
_MANY = 10_000
"""How many rows one statement names; SQLite allows 32,766."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A document on its way into the store.

    Args:
        id: The document's id.
        fingerprint: What tells one state of the document from another.
        passages: By row.
        vectors: Of the passages, by row; empty for an index without vectors.
        place: Where the document's file lies; None if it is from none.
    """

    id: str
    fingerprint: str
    passages: Mapping[int, Passage]
    vectors: Mapping[int, np.ndarray]
    place: str | None = None


class Store:
    """The passages of an index.

    Args:
        path: The SQLite file.

    Raises:
        StoreError: There is no such file, or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise StoreError(f"{path} is missing: put back a copy of the index, or build it again")
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)
        try:
            # FULL, since the parts must not be ahead of the store after a power failure either. What is deleted is
            # overwritten, so that no text stays in free pages.
            for setting in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
                self._run(f"PRAGMA {setting}")
            self.generation()
        except StoreError:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path) -> None:
        """Makes an empty one; the file is complete once it has its name."""
        fresh = path.with_name(f"{path.name}.tmp")
        fresh.unlink(missing_ok=True)
        with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
            connection.executescript(_SCHEMA)
        fresh.replace(path)

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()

    def generation(self) -> int:
        """A number that grows with every change."""
        return self._state("generation")

    def deleted(self) -> int:
        """How many passages have been deleted since the parts were last rebuilt."""
        return self._state("deleted")

    def __len__(self) -> int:
        return int(self._run("SELECT count(*) FROM passages")[0][0])

    def documents(self) -> dict[str, str]:
        """Fingerprints by id, in the order of ids."""
        return dict(self._run("SELECT id, fingerprint FROM documents ORDER BY id"))

    def known(self) -> list[tuple[str, str, str | None]]:
        """Id, fingerprint and place of every document."""
        return [(id, state, place) for id, state, place in self._run("SELECT id, fingerprint, place FROM documents")]

    def ids(self, rows: Sequence[int]) -> dict[int, str]:
        """Ids of passages by row, of those rows that there are."""
        return dict(self._select("SELECT row, id FROM passages WHERE row IN", rows))

    def row(self, id: str) -> int | None:
        """The row of a passage, if there is one of that id."""
        found = self._run("SELECT row FROM passages WHERE id = ?", (id,))
        return int(found[0][0]) if found else None

    def passages(self, rows: Sequence[int]) -> dict[int, Passage]:
        """Passages by row, of those rows that there are."""
        return {
            row: _passage(*v) for row, *v in self._select(f"SELECT row, {_PASSAGE} FROM passages WHERE row IN", rows)
        }

    def passages_of(self, document: str) -> list[Passage]:
        """The passages of a document, in the order of its text."""
        found = self._run(f"SELECT {_PASSAGE} FROM passages WHERE document = ? ORDER BY row", (document,))
        return [_passage(*values) for values in found]

    def all_passages(self) -> Iterator[tuple[int, Passage]]:
        """Every passage with its row, in the order of rows, read as they are asked for."""
        query = f"SELECT row, {_PASSAGE} FROM passages WHERE row > ? ORDER BY row LIMIT 1000"
        row = 0
        while page := self._run(query, (row,)):
            for row, *values in page:
                yield row, _passage(*values)

    def rows(self) -> np.ndarray:
        """All rows, ascending. Shape: [passages], int64."""
        return np.array([row for (row,) in self._run("SELECT row FROM passages ORDER BY row")], dtype=np.int64)

    def vectors(self, rows: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """The vectors of rows, of those that there are.

        Returns:
            Rows, ascending (shape: [found], int64), and their vectors (shape: [found, width], float32).
        """
        found = sorted(self._select("SELECT row, vector FROM vectors WHERE row IN", rows))
        matrix = np.frombuffer(b"".join(vector for _, vector in found), dtype=np.float32)
        return np.array([row for row, _ in found], dtype=np.int64), matrix.reshape(len(found), -1 if found else 0)

    def width(self) -> int | None:
        """How long a vector is, if there is any."""
        found = self._run("SELECT length(vector) / 4 FROM vectors LIMIT 1")
        return int(found[0][0]) if found else None

    @contextmanager
    def snapshot(self) -> Iterator[int]:
        """All that is read inside is of one generation, which it gives."""
        self._run("BEGIN")
        try:
            yield self.generation()
        finally:
            self._run("ROLLBACK")

    def reserve(self, count: int) -> range:
        """Rows for new passages; they are stale until `write` puts passages there."""
        with self._transaction():
            first = self._state("next")
            rows = range(first, first + count)
            self._run("UPDATE state SET value = ? WHERE name = 'next'", (rows.stop,))
            self._many("INSERT INTO stale VALUES (?)", ((row,) for row in rows))
        return rows

    def write(self, entries: Iterable[Entry]) -> None:
        """Puts documents in, in place of older states of theirs, all at once.

        Raises:
            StoreError: Two passages have one id.
        """
        with self._transaction():
            for entry in entries:
                self._remove(entry.id)
                self._run("INSERT INTO documents VALUES (?, ?, ?)", (entry.id, entry.fingerprint, entry.place))
                self._many(
                    f"INSERT INTO passages (row, {_COLUMNS}, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    ((row, *_values(passage)) for row, passage in entry.passages.items()),
                )
                self._many("INSERT INTO vectors VALUES (?, ?)", ((r, v.tobytes()) for r, v in entry.vectors.items()))
                self._many("DELETE FROM stale WHERE row = ?", ((row,) for row in entry.passages))
            self._advance()

    def remove(self, documents: Iterable[str]) -> int:
        """Takes documents out, all at once, and gives the number of those that were there."""
        with self._transaction():
            removed = sum(self._remove(document) for document in documents)
            self._advance()
        return removed

    def stale(self) -> list[int]:
        """Rows that the parts may hold and the store does not."""
        return [row for (row,) in self._run("SELECT row FROM stale ORDER BY row")]

    def forget(self, rows: Sequence[int]) -> None:
        """Says that the parts no longer show these stale rows, though they still count them."""
        with self._transaction():
            self._many("DELETE FROM stale WHERE row = ?", ((row,) for row in rows))
            self._run("UPDATE state SET value = value + ? WHERE name = 'deleted'", (len(rows),))
            self._advance()

    def compacted(self) -> None:
        """Says that the parts hold what the store holds and nothing else."""
        with self._transaction():
            self._run("DELETE FROM stale")
            self._run("UPDATE state SET value = 0 WHERE name = 'deleted'")
            self._advance()

    def shrink(self) -> None:
        """Gives back space on the disk, and removes what is deleted from the journal too."""
        self._run("VACUUM")
        self._run("PRAGMA wal_checkpoint(TRUNCATE)")

    def problems(self) -> list[str]:
        """What is wrong with the file, in sentences."""
        found = [message for (message,) in self._run("PRAGMA integrity_check") if message != "ok"]
        query = f"SELECT row, {_COLUMNS}, checksum FROM passages WHERE row > ? ORDER BY row LIMIT 1000"
        row = 0
        while page := self._run(query, (row,)):
            found.extend(f"passage {v[0]} is not what was written" for _, *v, sum in page if sum != _checksum(*v))
            row = page[-1][0]
        orphans = "SELECT count(*) FROM passages WHERE document NOT IN (SELECT id FROM documents)"
        if count := self._run(orphans)[0][0]:
            found.append(f"{count} passages belong to no document")
        return [f"{self.path.name}: {problem}" for problem in found]

    def _remove(self, document: str) -> bool:
        mine = "(SELECT row FROM passages WHERE document = ?)"
        self._run("INSERT INTO stale SELECT row FROM passages WHERE document = ?", (document,))
        self._run(f"DELETE FROM vectors WHERE row IN {mine}", (document,))
        self._run("DELETE FROM passages WHERE document = ?", (document,))
        return bool(self._run("DELETE FROM documents WHERE id = ? RETURNING id", (document,)))

    def _advance(self) -> None:
        self._run("UPDATE state SET value = value + 1 WHERE name = 'generation'")

    def _state(self, name: str) -> int:
        return int(self._run("SELECT value FROM state WHERE name = ?", (name,))[0][0])

    def _select(self, query: str, rows: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(rows), _MANY):
            some = [int(row) for row in rows[start : start + _MANY]]
            yield from self._run(f"{query} ({', '.join('?' * len(some))})", some)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._run("BEGIN IMMEDIATE")
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _run(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._errors():
            return self._connection.execute(query, values).fetchall()

    def _many(self, query: str, values: Iterable[tuple[Any, ...]]) -> None:
        with self._errors():
            self._connection.executemany(query, values)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise StoreError(f"{self.path}: {error}; every passage needs an id of its own") from error
        except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
            raise StoreError(f"{self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{self.path} is damaged: {error}; put back a copy, or build the index again") from error


def _values(passage: Passage) -> tuple[Any, ...]:
    values = (
        passage.id,
        passage.document,
        passage.text,
        passage.source,
        passage.page,
        json.dumps(passage.offsets.to_json(), separators=(",", ":")),
        json.dumps(dict(passage.metadata)),
    )
    return (*values, _checksum(*values))


def _checksum(*values: Any) -> int:
    return crc32(repr(values).encode("utf8", "surrogatepass"))


def _passage(
    id: str, document: str, text: str, source: str, page: int | None, offsets: str, metadata: str, place: str | None
) -> Passage:
    return Passage(
        id=id,
        document=document,
        text=text,
        source=source,
        offsets=Offsets.from_json(json.loads(offsets)),
        page=page,
        metadata=json.loads(metadata),
        place=place,
    )
