"""The files of folders that documents can be read from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cascade.errors import DataError


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of documents.

    Args:
        path: The path as the user gave it, or the folder's and then the file's.
        id: The path from the folder on, with slashes; the name alone of a file that was given itself.
    """

    path: Path
    id: str


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """Something that was passed over, and why.

    Args:
        source: Its path, or its name.
        reason: Why.
        expected: Whether every folder has such: what is hidden, or of a kind that is not read.
    """

    source: str
    reason: str
    expected: bool = False

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


def walk(path: Path, suffixes: Sequence[str]) -> Iterator[File | Skipped]:
    """The files of a folder in the order of names, or the one file that is given; hidden ones only if given.

    Args:
        path: A folder or a file.
        suffixes: The endings of files that are read.

    Raises:
        DataError: There is no such path, a file is of another kind, or a folder has nothing that can be read.
    """
    kinds = ", ".join(suffixes)
    if not os.path.exists(path):
        raise DataError("there is no such file or folder; check the path", path=path)
    if not path.is_dir():
        if path.suffix.lower() not in suffixes:
            raise DataError(f"expected a file that ends with {kinds}; convert it", path=path)
        yield File(path=path, id=path.name)
        return
    found = list(_inside(path, suffixes))
    if not any(isinstance(entry, File) for entry in found):
        passed = [entry for entry in found if isinstance(entry, Skipped)]
        got = f"{len(passed)} others, the first: {passed[0]}" if passed else "nothing"
        raise DataError(f"expected files that end with {kinds}, got {got}; check the path", path=path)
    yield from found


def _inside(top: Path, suffixes: Sequence[str]) -> Iterator[File | Skipped]:
    closed: list[OSError] = []
    for folder, folders, names in os.walk(top, onerror=closed.append):
        hidden = sorted(name for name in folders if name.startswith("."))
        folders[:] = sorted(set(folders) - set(hidden))
        for path in (Path(folder, name) for name in [*hidden, *sorted(names)]):
            yield _skipped(path, suffixes) or File(path=path, id=path.relative_to(top).as_posix())
    for error in closed:
        yield Skipped(source=str(error.filename), reason=f"cannot be read ({error.strerror or error})")


def _skipped(path: Path, suffixes: Sequence[str]) -> Skipped | None:
    """Whether a path in a folder is passed over."""
    source = os.fsencode(path).decode(errors="replace")
    if path.name.startswith("."):
        return Skipped(source=source, reason="is hidden", expected=True)
    if path.suffix.lower() not in suffixes:
        return Skipped(source=source, reason=f"does not end with {', '.join(suffixes)}", expected=True)
    if not os.path.isfile(path):
        return Skipped(source=source, reason="is no file")
    return None if str(path).isprintable() else Skipped(source=source, reason="has a name that cannot be printed")
