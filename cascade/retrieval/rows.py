"""Files with a document a row: JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cascade.data.files import BOM, decode, opened
from cascade.docs import Value
from cascade.errors import DataError

TEXT, ID = "text", "id"
"""The columns, or fields, with the text and the id of a document; all others are metadata."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A document in a file of many.

    Args:
        id: Its id in the file: the value of `id`, or the number of the row from 1.
        text: The value of `text`.
        metadata: The other values.
        line: The line of the file in which the row ends, from 1.
    """

    id: str
    text: str
    metadata: Mapping[str, Value]
    line: int


def read_jsonl(path: str | Path) -> Iterator[Row]:
    """Reads JSON lines: an object a line, with the string `text`.

    The optional `id` is a string or a number. All else that is a string, a number or a truth value is metadata; lists,
    objects and null are passed over.

    Raises:
        DataError: The file is missing or not UTF-8, a line is no such object, or a number is none (NaN, Infinity).
    """
    number = place = 0
    for line, raw in enumerate(_lines(path), start=1):
        written = decode(raw, path, line=line, before=place).removeprefix(BOM if line == 1 else "")
        place += len(raw)
        if not written.strip():
            continue
        number += 1
        values = _object(written, path, line)
        for key, value in values.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise DataError(f"expected a finite number as {key!r}, got {value}; mend it", path=path, line=line)
        text, identity = values.pop(TEXT, None), values.pop(ID, None)
        if not isinstance(text, str):
            raise DataError(f"expected a string as {TEXT!r}, got {_kind(text)}; mend the line", path=path, line=line)
        if not isinstance(identity, str | int | float | None):
            message = f"expected a string or a number as {ID!r}, got {_kind(identity)}; mend the line or leave it out"
            raise DataError(message, path=path, line=line)
        metadata = {key: value for key, value in values.items() if isinstance(value, str | int | float)}
        yield Row(id=str(number if identity is None else identity), text=text, metadata=metadata, line=line)


def read_csv(path: str | Path) -> Iterator[Row]:
    """Reads comma-separated values with a header that has the column `text`.

    The column `id` is optional; all others are metadata where they are not empty.

    Raises:
        DataError: The file is missing or not UTF-8, the header lacks `text`, or a row has other columns.
    """
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a cell may hold a whole document
    content = decode(b"".join(_lines(path)), path).removeprefix(BOM)
    rows = csv.reader(io.StringIO(content, newline=""), strict=True)
    header: list[str] = []
    number = 0
    try:
        for cells in rows:
            if not cells:
                continue
            if not header:
                header = _header(cells, path, rows.line_num)
                continue
            number += 1
            yield _row(dict(zip(header, cells, strict=True)), number, rows.line_num)
    except csv.Error as error:
        raise DataError(f"no proper CSV ({error}); mend the row", path=path, line=rows.line_num) from error
    except ValueError as error:
        message = f"expected {len(header)} columns as in the header, got {len(cells)}; mend the row"
        raise DataError(message, path=path, line=rows.line_num) from error


def _lines(path: str | Path) -> Iterator[bytes]:
    with opened(path) as stream:
        yield from stream


def _object(written: str, path: str | Path, line: int) -> dict[str, Any]:
    try:
        values = json.loads(written)
        if "\\ud" in written.lower():
            json.dumps(values, ensure_ascii=False).encode()  # half of a surrogate pair is no character
    except (ValueError, RecursionError) as error:
        raise DataError(f"expected a JSON object, got {error}; mend the line", path=path, line=line) from error
    if not isinstance(values, dict):
        raise DataError(f"expected a JSON object, got {_kind(values)}; mend the line", path=path, line=line)
    return values


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "nothing"}
    return kinds.get(type(value), "a number")


def _header(cells: list[str], path: str | Path, line: int) -> list[str]:
    header = [cell.strip() for cell in cells]
    if TEXT not in header or len(set(header)) < len(header):
        message = f"expected a header of different names separated by commas, one of them {TEXT!r}, got {cells}"
        raise DataError(message + "; mend the header", path=path, line=line)
    return header


def _row(values: dict[str, str], number: int, line: int) -> Row:
    text, identity = values.pop(TEXT), values.pop(ID, "") or str(number)
    return Row(id=identity, text=text, metadata={key: value for key, value in values.items() if value}, line=line)
