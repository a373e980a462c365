"""Documents as the user has them: files, folders of files, and rows of files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from cascade.data.files import opened
from cascade.docs import Offsets, Value
from cascade.errors import CascadeError, ConfigError, DataError
from cascade.retrieval.content import Content, read_text
from cascade.retrieval.html import read_html
from cascade.retrieval.pdf import read_pdf
from cascade.retrieval.rows import Row, read_csv, read_jsonl
from cascade.retrieval.walking import File, Skipped, walk

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

_APART = "rename one of them, or give the folder above both"


@dataclass(frozen=True, kw_only=True)
class Document:
    """A text with the way back to where it was read.

    Args:
        id: Unique among the documents of an index, and the same whenever the document is read.
        text: The cleaned text, which is indexed and read.
        source: Path or name of the source as the user gave it; for rows with the row's id, as `corpus.jsonl:17`.
        offsets: From characters of `text` to characters of what
            [`source_text`][cascade.retrieval.documents.source_text] gives.
        fingerprint: Changes when the content changes, or the place.
        place: The source with its path from the root of the file system on, which is the same from wherever it is read;
            None for a text that is from no file.
        pages: Where each page of a PDF begins in `text`; empty for other formats.
        metadata: What is known of the document.
    """

    id: str
    text: str
    source: str
    offsets: Offsets
    fingerprint: str
    place: str | None = None
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
class Known:
    """A document as an index has it.

    Args:
        fingerprint: See `Document`.
        place: See `Document`.
    """

    fingerprint: str
    place: str | None = None


class Documents(Iterable[Document]):
    """The documents of files and folders, read while one iterates over them.

    Folders are walked in the order of names; hidden files and files of other kinds are skipped, and so is, with its
    reason, what cannot be read.

        documents = Documents("my_folder/")
        for document in documents:
            ...
        print(documents.skipped)

    Args:
        paths: Files and folders.
        known: Documents by id that are passed over if they have not changed. A file keeps the id that it is known by.

    Attributes:
        files: The files, in the order in which they are read; each once.
        skipped: What was passed over with the reason: unreadable files, documents without text or with the id of
            another one are added as they are met.
        unchanged: Ids of the known documents that were met and have not changed.

    Raises:
        DataError: A path does not exist, a file that was given itself is of a kind that cannot be read, or a folder has
            nothing that can be read.
    """

    def __init__(self, *paths: str | Path, known: Mapping[str, Known] | None = None) -> None:
        self.known = dict(known or {})
        self.files: list[File] = []
        self.skipped: list[Skipped] = []
        self.unchanged: set[str] = set()
        self._met: dict[str, str] = {}  # sources of documents by id
        self._blank: set[str] = set()
        self._read: set[str] = set()  # places of the files that were read to their end
        self._places = {known.place: id for id, known in self.known.items() if known.place}
        self._tops = [os.path.abspath(path) for path in paths]
        places = set[str]()
        for entry in (entry for path in paths for entry in walk(Path(path), SUFFIXES)):
            if isinstance(entry, Skipped):
                self.skipped.append(entry)
            elif (place := os.path.abspath(entry.path)) not in places:
                places.add(place)
                self.files.append(entry)
        self._passed_over = len(self.skipped)

    def __iter__(self) -> Iterator[Document]:
        for noted in (self._met, self.unchanged, self._blank, self._read):
            noted.clear()
        del self.skipped[self._passed_over :]
        for file in self.files:
            yield from self.read(file)

    def read(self, file: File) -> Iterator[Document]:
        """The documents of one file that are new or have changed, and have text."""
        reader = self._rows if file.path.suffix.lower() in _ROWS else self._file
        begun = False
        try:
            for document in reader(file):
                begun = True
                if document.text.strip():
                    yield document
                else:
                    self._blank.add(document.id)
                    self._skip(document.source, "has no text")
            self._read.add(os.path.abspath(file.path))
        except (DataError, ConfigError) as error:  # the latter where the library for a format is missing
            self._skip(str(file.path), _reason(error) + ("; what stands before was read" if begun else ""))

    def gone(self) -> list[str]:
        """Ids of the known documents that the paths had and have no more, or without text; once all was read.

        What cannot be read is not gone.
        """
        missing = (id for id in self.known.keys() - self._met.keys() if self._is_gone(self.known[id].place))
        return sorted([*missing, *(self._blank & self.known.keys())])

    def _file(self, file: File) -> Iterator[Document]:
        raw, place = _bytes(file.path), os.path.abspath(file.path)
        fingerprint = _fingerprint(sha256(raw).hexdigest(), place)
        if id := self._meet(file.id, str(file.path), place, fingerprint):
            content = _FILES[file.path.suffix.lower()](raw, file.path)
            yield Document(
                id=id,
                text=content.text,
                source=str(file.path),
                offsets=content.offsets,
                fingerprint=fingerprint,
                place=place,
                pages=content.pages,
                metadata=content.metadata,
            )

    def _rows(self, file: File) -> Iterator[Document]:
        top = os.path.abspath(file.path)
        for row in _ROWS[file.path.suffix.lower()](file.path):
            source, place = f"{file.path}:{row.id}", f"{top}:{row.id}"
            document = Document.from_text(row.text, id=f"{file.id}:{row.id}", source=source, metadata=row.metadata)
            fingerprint = _fingerprint(document.fingerprint, place)
            if id := self._meet(document.id, source, place, fingerprint):
                yield replace(document, id=id, fingerprint=fingerprint, place=place)

    def _meet(self, id: str, source: str, place: str, fingerprint: str) -> str | None:
        """Notes a document, and gives its id if it has to be read."""
        id = self._places.get(place, id)
        known = self.known.get(id)
        if id in self._met:
            self._skip(source, f"has the id {id!r}, as {self._met[id]} has; {_APART}")
        elif known and known.place != place and _is_there(known.place):
            first = known.place or "a document that was read from no file"
            self._skip(source, f"has the id {id!r}, as {first} has in the index; {_APART}")
        elif known and known.fingerprint == fingerprint:
            self._met[id] = source
            self.unchanged.add(id)
        else:
            self._met[id] = source
            return id
        return None

    def _skip(self, source: str, reason: str) -> None:
        self.skipped.append(Skipped(source=source, reason=reason))

    def _is_gone(self, place: str | None) -> bool:
        """Whether a document that was not met lay in the paths and does so no more."""
        if place is None or not any(is_below(place, top) for top in self._tops):
            return False
        rows = [str(path) for path, _ in _possible_rows(place)]
        return any(path in self._read for path in rows) if rows else not _is_there(place)


def is_below(place: str, top: str) -> bool:
    """Whether a document lies at a path, in a folder of that path, or is a row of such a file; both absolute."""
    return place == top or place.startswith((os.path.join(top, ""), f"{top}:"))


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


def _is_there(place: str | None) -> bool:
    """Whether a file, or the file of a row, may still be there; what was read from no file cannot go away."""
    if place is None or any(_possible_rows(place)):
        return True
    try:
        os.stat(place)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # such as a folder that is closed to us
        return True
    return True


def _reason(error: CascadeError) -> str:
    """What an error says, without the path."""
    if not isinstance(error, DataError) or error.path is None:
        return str(error)
    if error.line is None:
        return str(error).removeprefix(f"{error.path}: ")
    return f"line {error.line}: " + str(error).removeprefix(f"{error.path}:{error.line}: ")


def _fingerprint(content: str, place: str) -> str:
    # Of the place too: a file that was moved is another source, which the index must learn of.
    return sha256(json.dumps([content, place]).encode()).hexdigest()


def _bytes(path: Path) -> bytes:
    with opened(path) as stream:
        return stream.read()
