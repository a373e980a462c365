"""Passages: what is found, read and answered from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cascade.docs.offsets import Offsets

Value = str | int | float | bool
"""A value of metadata."""

# Chinese characters and kana are words by themselves; combining accents belong to the word that they stand in.
_SOLID = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_SOLID}]|(?:(?![{_SOLID}])[^\W_]|[\u0300-\u036f])+|\S")


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A piece of a document that is indexed, found and read.

    Args:
        id: Unique in an index: the document's id, `#` and a running number.
        document: Id of the document that it is cut from.
        text: The cleaned text that is indexed and read.
        source: Path or name of the source as the user gave it.
        offsets: From characters of `text` to characters of the source.
        page: Page of a PDF on which it begins, from 1.
        metadata: What is known of the document.
        place: The source with its path from the root of the file system on, by which it is found from wherever it is
            read; None for a text that is from no file.
    """

    id: str
    document: str
    text: str
    source: str
    offsets: Offsets
    page: int | None = None
    metadata: Mapping[str, Value] = field(default_factory=dict)
    place: str | None = None

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The slice of the source that text[start:end] stands for.

        Raises:
            IndexError: The slice reaches beyond the text.
        """
        return self.offsets.origin(start, end)

    def page_at(self, start: int) -> int | None:
        """The page of a PDF on which character `start` of the text stands, from 1."""
        return None if self.page is None else self.page + self.text.count("\f", 0, start)

    def to_json(self) -> dict[str, Any]:
        """The passage as plain values."""
        return {
            "id": self.id,
            "document": self.document,
            "text": self.text,
            "source": self.source,
            "offsets": self.offsets.to_json(),
            "page": self.page,
            "metadata": dict(self.metadata),
            "place": self.place,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Passage:
        """The passage that `to_json` has written."""
        return cls(**{**values, "offsets": Offsets.from_json(values["offsets"])})


def passage_of(text: str, *, id: str = "passage", source: str | None = None) -> Passage:
    """A passage that is a whole text by itself, such as the paragraph of a question in a data set.

    Args:
        text: The text.
        id: The passage's id, and the document's.
        source: Name of the source; the id when None.
    """
    return Passage(id=id, document=id, text=text, source=source or id, offsets=Offsets.identity(len(text)))


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where the words of a passage stand, in characters; every mark is one by itself, so that an answer can end there.

    Args:
        text: The passage's text.
    """
    return [match.span() for match in _WORD.finditer(text)]


def words_of(text: str) -> list[str]:
    """The words of a passage; see `word_spans`."""
    found: list[str] = _WORD.findall(text)
    return found
