"""Documents as the user has them: files, folders of files, and rows of files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cascade.data.files import opened
from cascade.docs import Offsets, Value
from cascade.errors import DataError
from cascade.retrieval.content import Content, read_text
from cascade.retrieval.html import read_html
from cascade.retrieval.pdf import read_pdf
from cascade.retrieval.rows import Row, read_csv, read_jsonl

_FILES: dict[str, Callable[[bytes, str | Path], Content]] = {
    ".txt": read_text,
    ".md": read_text,
    ".html": read_html,
    ".htm": read_html,
    ".pdf": read_pdf,
}
_ROWS: dict[str, Callable[[str | Path], Iterator[Row]]] = {".jsonl": read_jsonl, ".csv": read_csv}

SUFFIXES = (*_FILES, *_ROWS)
"""The endings of files that can be read."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A text with the way back to where it was read.

    Args:
        id: Unique among the documents of an index, and the same whenever the document is read.
        text: The cleaned text, which is indexed and read.
        source: Path or name of the source as the user gave it; for rows with the row's id, as `corpus.jsonl:17`.
        offsets: From characters of `text` to characters of what
            [`source_text`][cascade.retrieval.documents.source_text] gives.
        fingerprint: Changes when the content changes.
        pages: Where each page of a PDF begins in `text`; empty for other formats.
        metadata: What is known of the document.
    """

    id: str
    text: str
    source: str
    offsets: Offsets
    fingerprint: str
    pages: tuple[int, ...] = ()
    metadata: Mapping[str, Value] = field(default_factory=dict)

    @classmethod
    def from_text(
        cls, text: str, *, id: str, source: str | None = None, metadata: Mapping[str, Value] | None = None
    ) -> Document:
        """A document of a text that stays as it is.

        Args:
            text: The text.
            id: The document's id.
            source: Where the text is from; the id if None.
            metadata: What is known of the document.
        """
        metadata = dict(metadata or {})
        content = json.dumps([text, metadata], sort_keys=True).encode()
        return cls(
            id=id,
            text=text,
            source=id if source is None else source,
            offsets=Offsets.identity(len(text)),
            fingerprint=sha256(content).hexdigest(),
            metadata=metadata,
        )


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
    """Something that was passed over, and why."""

    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


class Documents(Iterable[Document]):
    """The documents of files and folders, read while one iterates over them.

    Folders are walked in the order of names; hidden files and files of other kinds are skipped.

        documents = Documents("my_folder/", known={"old.txt": "5d41..."})
        for document in documents:
            ...
        print(documents.skipped)

    Args:
        paths: Files and folders.
        known: Fingerprints by id, of documents that are passed over if they have not changed.

    Attributes:
        files: The files, in the order in which they are read.
        skipped: What was passed over with the reason; documents without text are added as they are met.
        unchanged: Ids of the known documents that were met and have not changed.

    Raises:
        DataError: A path does not exist, or a file that was given itself is of a kind that cannot be read; while one
            iterates, a file cannot be read as what it should be, or two documents have the same id.
    """

    def __init__(self, *paths: str | Path, known: Mapping[str, str] | None = None) -> None:
        self.known = dict(known or {})
        self.files: list[File] = []
        self.skipped: list[Skipped] = []
        self.unchanged: set[str] = set()
        self._sources: dict[str, str] = {}
        for path in paths:
            self.files.extend(self._find(Path(path)))
        self._passed_over = len(self.skipped)

    def __iter__(self) -> Iterator[Document]:
        self._sources.clear()
        self.unchanged.clear()
        del self.skipped[self._passed_over :]
        for file in self.files:
            yield from self.read(file)

    def read(self, file: File) -> Iterator[Document]:
        """The documents of one file that are new or have changed, and have text."""
        reader = self._rows if file.path.suffix.lower() in _ROWS else self._file
        for document in reader(file):
            if document.text.strip():
                yield document
            else:
                self.skipped.append(Skipped(source=document.source, reason="has no text"))

    def _find(self, path: Path) -> Iterator[File]:
        if not path.exists():
            raise DataError("there is no such file or folder; check the path", path=path)
        if path.is_dir():
            yield from self._walk(path)
        elif path.suffix.lower() in SUFFIXES:
            yield File(path=path, id=path.name)
        else:
            raise DataError(f"expected a file that ends with {', '.join(SUFFIXES)}; convert it", path=path)

    def _walk(self, top: Path) -> Iterator[File]:
        for folder, folders, names in os.walk(top, onerror=_raise):
            hidden = sorted(name for name in folders if name.startswith("."))
            folders[:] = sorted(set(folders) - set(hidden))
            for path in (Path(folder, name) for name in [*hidden, *sorted(names)]):
                if reason := _reason(path):
                    self.skipped.append(Skipped(source=os.fsencode(path).decode(errors="replace"), reason=reason))
                else:
                    yield File(path=path, id=path.relative_to(top).as_posix())

    def _file(self, file: File) -> Iterator[Document]:
        raw = _bytes(file.path)
        fingerprint = sha256(raw).hexdigest()
        if self._is_new(file.id, str(file.path), fingerprint):
            content = _FILES[file.path.suffix.lower()](raw, file.path)
            yield Document(
                id=file.id,
                text=content.text,
                source=str(file.path),
                offsets=content.offsets,
                fingerprint=fingerprint,
                pages=content.pages,
                metadata=content.metadata,
            )

    def _rows(self, file: File) -> Iterator[Document]:
        for row in _ROWS[file.path.suffix.lower()](file.path):
            document = Document.from_text(
                row.text, id=f"{file.id}:{row.id}", source=f"{file.path}:{row.id}", metadata=row.metadata
            )
            if self._is_new(document.id, document.source, document.fingerprint):
                yield document

    def _is_new(self, id: str, source: str, fingerprint: str) -> bool:
        """Note a document, and tell whether it has to be read."""
        if id in self._sources:
            first = self._sources[id]
            raise DataError(f"has the id {id!r}, as {first} has; give ids apart, or the folder above both", path=source)
        self._sources[id] = source
        if self.known.get(id) == fingerprint:
            self.unchanged.add(id)
            return False
        return True


def source_text(source: str) -> str:
    """The text in which the offsets of a document count: `source_text(source)[start:end]` is an answer's text.

    Args:
        source: The source of a document, passage or answer.

    Raises:
        DataError: The file or the row is no longer there, or cannot be read.
    """
    for path, id in _possible_rows(source):
        for row in _ROWS[path.suffix.lower()](path):
            if row.id == id:
                return row.text
    path = Path(source)
    if path.suffix.lower() in _FILES:
        return _FILES[path.suffix.lower()](_bytes(path), path).source
    raise DataError("there is no such file or row any more; was it moved, or deleted?", path=source)


def _possible_rows(source: str) -> Iterator[tuple[Path, str]]:
    """Existing files and ids that `source` may name, since a colon may be part of both."""
    parts = source.split(":")
    for number in range(1, len(parts)):
        path = Path(":".join(parts[:number]))
        if path.suffix.lower() in _ROWS and path.is_file():
            yield path, ":".join(parts[number:])


def _reason(path: Path) -> str | None:
    """Why a path in a folder is not read, if so."""
    if path.name.startswith("."):
        return "is hidden"
    if path.suffix.lower() not in SUFFIXES:
        return f"does not end with {', '.join(SUFFIXES)}"
    if not path.is_file():
        return "is no file"
    return None if str(path).isprintable() else "has a name that cannot be printed"


def _raise(error: OSError) -> None:
    raise DataError(f"cannot be read ({error.strerror or error})", path=error.filename) from error


def _bytes(path: Path) -> bytes:
    with opened(path) as stream:
        return stream.read()
