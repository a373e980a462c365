"""From paths to what an index takes: documents that are new or have changed, cut into passages."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from cascade.errors import DataError
from cascade.retrieval.documents import Documents, Known, is_below
from cascade.retrieval.sentences import sentence_splitter
from cascade.retrieval.splitting import Splitting, split
from cascade.retrieval.walking import File
from cascade.retrieval.writing import Added, Addition, Changes, Writer

Path = str | os.PathLike[str]
Sources = Path | Iterable[Path] | Iterable[Added]
"""Files and folders, one or several, or documents that are cut into passages already."""

Progress = Callable[[Sequence[File]], Iterable[File]]
"""Passes files on and shows how far they are."""


class Ingestion(Iterable[Addition]):
    """What is new or has changed in files and folders; read once, while one iterates over it.

    Args:
        paths: The files and folders.
        splitting: How they are cut into passages.
        known: What the index has, by id.
        progress: Shows how far the files are read.

    Raises:
        DataError: A path cannot be read, see `Documents`.
        ConfigError: There is no splitter for the language.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        splitting: Splitting,
        *,
        known: Mapping[str, Known] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.paths, self.splitting = paths, splitting
        self.documents = Documents(*(os.fspath(path) for path in paths), known=known)
        self._additions = self._read(progress or list)
        self._sentences = sentence_splitter(splitting.lang)

    def __iter__(self) -> Iterator[Addition]:
        return self._additions

    def require_any(self) -> None:
        """Sees to it that there is a document; of one that is read meanwhile nothing is lost.

        Raises:
            DataError: There is none; it says what came of the files.
        """
        if (first := next(self._additions, None)) is None:
            problems = [str(skipped) for skipped in self.documents.skipped if not skipped.expected]
            more = f"\n... and {len(problems) - 10} more" if len(problems) > 10 else ""
            got = "\n".join(["", *problems[:10]]) + more if problems else " files without rows"
            where = ", ".join(os.fspath(path) for path in self.paths)
            raise DataError(f"expected a document with text, got none:{got}", path=where)
        self._additions = chain([first], self._additions)

    def write(self, writer: Writer) -> Changes:
        """Writes the documents, and deletes those that are gone from the paths."""
        written = writer.add(self)
        if gone := self.documents.gone():
            writer.delete(gone)
        unchanged = written.unchanged + len(self.documents.unchanged)
        return replace(written, unchanged=unchanged, removed=tuple(gone), skipped=tuple(self.documents.skipped))

    def _read(self, progress: Progress) -> Iterator[Addition]:
        size = {"words": self.splitting.words, "overlap": self.splitting.overlap}
        for file in progress(self.documents.files):
            for document in self.documents.read(file):
                passages = split(document, self._sentences, **size)
                yield Addition(document.id, document.fingerprint, passages, document.place)


def sorted_out(sources: Sources) -> tuple[list[Path], Iterator[Addition]]:
    """The paths of sources, or the documents if they are such; the first tells what they are."""
    if isinstance(sources, str | os.PathLike):
        return [sources], iter(())
    iterator: Iterator[Any] = iter(sources)
    first = next(iterator, None)
    if isinstance(first, str | os.PathLike):
        return [first, *iterator], iter(())
    documents = iterator if first is None else chain([first], iterator)
    return [], (Addition(*document) for document in documents)


def named(name: Path, places: Mapping[str, str | None]) -> list[str]:
    """Ids of the documents that a name stands for: an id, or the path of a file or folder, which may be gone.

    Args:
        name: The name.
        places: Where the documents of an index lie, by id.
    """
    id, top = os.fspath(name), os.path.abspath(name)
    return [id] if id in places else [id for id, place in places.items() if place and is_below(place, top)]
