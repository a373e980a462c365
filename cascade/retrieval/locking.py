"""One writer at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cascade.errors import StoreError


@contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Holds a lock that the system lets go of when the process ends, however it ends.

    Args:
        path: The lock's file, which is made if need be and stays empty. SQLite locks it, as it knows how to on every
            system.

    Raises:
        StoreError: Another process or thread holds it, or the place cannot be written.
    """
    try:
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StoreError(f"cannot write to {path.parent}: {error}") from error
    with closing(connection):
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            busy = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
            why = "somebody else is writing to it; try again when they are done" if busy else str(error)
            raise StoreError(f"cannot write to {path.parent}: {why}") from error
        yield
