"""What a reader of a file format gives, and the reader of plain text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cascade.errors import DataError
from cascade.retrieval.offsets import Offsets

Value = str | int | float | bool
"""A value of metadata."""

BOM = "\ufeff"


@dataclass(frozen=True, kw_only=True)
class Content:
    """A file as a reader understands it.

    Args:
        source: The text that offsets count in: the whole file, decoded and otherwise as it is; for formats that are not
            text, what was extracted.
        text: The cleaned text, which is indexed and read.
        offsets: From characters of `text` to characters of `source`.
        pages: Where each page begins in `text`; empty for formats without pages.
        metadata: What the file says of itself, such as a title.
    """

    source: str
    text: str
    offsets: Offsets
    pages: tuple[int, ...] = ()
    metadata: Mapping[str, Value] = field(default_factory=dict)


def read_text(raw: bytes, path: str | Path) -> Content:
    """Reads plain text or Markdown, which stays as it is but for a byte-order mark.

    Args:
        raw: The file.
        path: Its name, for messages.

    Raises:
        DataError: It is not UTF-8.
    """
    source = decode(raw, path)
    text = source.removeprefix(BOM)
    return Content(source=source, text=text, offsets=Offsets.identity(len(text), shift=len(source) - len(text)))


def decode(raw: bytes, path: str | Path, *, line: int | None = None, before: int = 0) -> str:
    """Decodes UTF-8 and changes nothing: line ends and a byte-order mark stay.

    Args:
        raw: The bytes.
        path: Name of the file they are from, for messages.
        line: Their line in the file, from 1, if they are one line.
        before: The number of bytes before them.

    Raises:
        DataError: They are not UTF-8; it names the first byte that is not.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        number = line or raw.count(b"\n", 0, error.start) + 1
        byte, place = raw[error.start], before + error.start
        message = f"expected UTF-8, got byte 0x{byte:02x} at position {place}; convert the file, for example with "
        raise DataError(message + "iconv -f latin1 -t utf-8", path=path, line=number) from error
