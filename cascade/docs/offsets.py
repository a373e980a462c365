"""Where each character of a text comes from: the way from cleaned text back to its source."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Offsets:
    """A map from the characters of a text to the stretches of a source that they stand for.

    The text is a sequence of pieces. A piece of several characters is copied from the source as it is; a piece of one
    character stands for a stretch of any length, such as an HTML entity or a run of white space and tags. What lies in
    the source between two pieces has been left out.

    Args:
        begins: Where each piece begins in the text, and at the end the length of the text.
        starts: Where the stretch of each piece begins in the source.
        ends: Where it ends, exclusively.
    """

    begins: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    @classmethod
    def identity(cls, length: int, *, shift: int = 0) -> Offsets:
        """The offsets of a text that is copied as a whole, from character `shift` of its source on."""
        return cls((0, length), (shift,), (shift + length,)) if length else cls((0,), (), ())

    def __len__(self) -> int:
        """The number of characters of the text."""
        return self.begins[-1]

    @property
    def verbatim(self) -> bool:
        """Whether the text is for certain the same as its origin; of a single character it is not known."""
        return len(self.starts) == 1 and len(self) > 1

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The shortest slice of the source that holds all that text[start:end] stands for.

        An empty slice has an empty origin, where the character at `start` comes from or the text ends.

        Raises:
            IndexError: The slice reaches beyond the text.
        """
        self._check(start, end)
        if start < end:
            return self._stretch(start)[0], self._stretch(end - 1)[1]
        place = self._stretch(start)[0] if start < len(self) else max(self.ends, default=0)
        return place, place

    def slice(self, start: int, end: int) -> Offsets:
        """The offsets of text[start:end], into the same source.

        Raises:
            IndexError: The slice reaches beyond the text.
        """
        self._check(start, end)
        if start == end:
            return Offsets.identity(0)
        first, last = bisect_right(self.begins, start) - 1, bisect_left(self.begins, end)
        begins = (0, *(begin - start for begin in self.begins[first + 1 : last]), end - start)
        starts = (self._stretch(start)[0], *self.starts[first + 1 : last])
        ends = (*self.ends[first : last - 1], self._stretch(end - 1)[1])
        return Offsets(begins, starts, ends)

    def to_json(self) -> list[list[int]]:
        """The offsets as plain lists."""
        return [list(self.begins), list(self.starts), list(self.ends)]

    @classmethod
    def from_json(cls, lists: Sequence[Sequence[int]]) -> Offsets:
        """The offsets that [`to_json`][cascade.docs.offsets.Offsets.to_json] has written."""
        begins, starts, ends = map(tuple, lists)
        return cls(begins, starts, ends)

    def _stretch(self, character: int) -> tuple[int, int]:
        """What one character stands for."""
        piece = bisect_right(self.begins, character) - 1
        if self.begins[piece + 1] - self.begins[piece] == 1:
            return self.starts[piece], self.ends[piece]
        place = self.starts[piece] + character - self.begins[piece]
        return place, place + 1

    def _check(self, start: int, end: int) -> None:
        if not 0 <= start <= end <= len(self):
            raise IndexError(f"expected a slice of {len(self)} characters, got {start}:{end}")


class Transcript:
    """A text that grows out of a source from left to right, and remembers where it comes from.

    Args:
        source: The source.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._parts: list[str] = []
        self._length = 0
        self._begins: list[int] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._copied = False  # whether the last piece is

    def __len__(self) -> int:
        return self._length

    @property
    def end(self) -> int:
        """How far the source has been used."""
        return self._ends[-1] if self._ends else 0

    def copy(self, start: int, end: int) -> None:
        """Take over source[start:end]."""
        if start < end and self._copied and self._ends[-1] == start:
            self._ends[-1] = end
            self._write(self.source[start:end])
        elif start < end:
            self._add(self.source[start:end], start, end)
            self._copied = True

    def replace(self, text: str, start: int, end: int) -> None:
        """Write `text` for source[start:end]; each of its characters stands for the whole stretch."""
        if text == self.source[start:end]:
            self.copy(start, end)
            return
        for character in text:
            self._add(character, start, end)
            self._copied = False

    def finish(self) -> tuple[str, Offsets]:
        """The text and its offsets."""
        begins = (*self._begins, self._length)
        return "".join(self._parts), Offsets(begins, tuple(self._starts), tuple(self._ends))

    def _add(self, piece: str, start: int, end: int) -> None:
        self._begins.append(self._length)
        self._starts.append(start)
        self._ends.append(end)
        self._write(piece)

    def _write(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
