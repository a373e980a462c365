"""What a reader of a file format gives, and the reader of plain text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cascade.data.files import BOM, decode
from cascade.docs import Offsets, Value


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
