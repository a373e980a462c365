"""Text files as numbered lines, whatever they are wrapped in.

Plain or gzipped, with or without a byte-order mark, with Unix or Windows line ends; anything else is a
[`DataError`][cascade.errors.DataError] that names the file and, where there is one, the line.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import IO, TypeVar

from cascade.errors import ConfigError, DataError

Line = tuple[int, str]
T = TypeVar("T")

BOM = "\ufeff"
_GZIP = b"\x1f\x8b"


def read_lines(path: str | Path, *, fallback: str | None = None) -> Iterator[Line]:
    """Yields the lines of a UTF-8 text file with their numbers from 1, without line ends.

    Only a line feed ends a line, so Unicode's other separators may stand inside one.

    Args:
        path: The file, plain or gzipped.
        fallback: The encoding of lines that are not UTF-8, such as `cp1252`; what it does not know is replaced.

    Raises:
        DataError: The file is missing, unreadable, a damaged gzip archive, or not UTF-8.
    """
    place = 0
    with _unzipped(path) as stream:
        for number, raw in enumerate(stream, start=1):
            content = decode(raw, path, line=number, before=place, fallback=fallback)
            content = content.removeprefix(BOM if number == 1 else "")
            yield number, content.rstrip("\r\n")
            place += len(raw)


def decode(
    raw: bytes, path: str | Path, *, line: int | None = None, before: int = 0, fallback: str | None = None
) -> str:
    """Decodes UTF-8 and changes nothing: line ends and a byte-order mark stay.

    Args:
        raw: The bytes.
        path: Name of the file they are from, for messages.
        line: Their line in the file, from 1, if they are one line.
        before: The number of bytes before them.
        fallback: See `read_lines`.

    Raises:
        DataError: They are not UTF-8, without a fallback; it names the first byte that is not.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if fallback is not None:
            return raw.decode(fallback, errors="replace")
        number = line or raw.count(b"\n", 0, error.start) + 1
        byte, place = raw[error.start], before + error.start
        message = f"expected UTF-8, got byte 0x{byte:02x} at position {place}; convert the file, for example with "
        raise DataError(message + "iconv -f latin1 -t utf-8", path=path, line=number) from error


def read_blocks(path: str | Path) -> Iterator[list[Line]]:
    """Yields the runs of lines between blank ones; a line of white space alone is blank.

    Raises:
        DataError: As [`read_lines`][cascade.data.files.read_lines].
    """
    block: list[Line] = []
    for number, line in read_lines(path):
        if line.strip():
            block.append((number, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


def grouped(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yields lists of `size` consecutive items, the last one as long as it comes.

    Raises:
        ConfigError: `size` is below 1.
    """
    if size < 1:
        raise ConfigError(f"expected 1 or more sentences a Doc, got {size}")
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group


def require_any(items: Iterable[T], *, path: str | Path, expected: str) -> Iterator[T]:
    """Passes `items` on and ends with an error if there were none.

    Raises:
        DataError: `items` is empty; the message asks for `expected`.
    """
    empty = True
    for item in items:
        empty = False
        yield item
    if empty:
        raise DataError(f"expected {expected}, got none; is this the right file, and is it complete?", path=path)


@contextmanager
def opened(path: str | Path) -> Iterator[BufferedReader]:
    """Opens a file to read its bytes; what goes wrong, now or while it is read, is an error of ours.

    Raises:
        DataError: The file is missing or unreadable.
    """
    try:
        with open(path, "rb") as stream:
            yield stream
    except FileNotFoundError as error:
        raise DataError("there is no such file; check the path", path=path) from error
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", path=path) from error


@contextmanager
def _unzipped(path: str | Path) -> Iterator[IO[bytes]]:
    with opened(path) as raw:
        zipped = raw.peek(len(_GZIP))[: len(_GZIP)] == _GZIP
        try:
            yield gzip.GzipFile(fileobj=raw) if zipped else raw  # type: ignore[misc]
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(f"the gzip archive is damaged ({error}); fetch it again", path=path) from error
