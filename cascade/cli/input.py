"""What commands read from standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from cascade.errors import DataError


def stdin_lines() -> Iterator[str]:
    """The lines of standard input.

    Raises:
        DataError: It is not text in the encoding of the terminal.
    """
    try:
        yield from sys.stdin
    except UnicodeDecodeError as error:
        raise DataError(
            f"expected {error.encoding} text, got {error}; convert it first", path="standard input"
        ) from error
