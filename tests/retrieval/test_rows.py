from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import DataError
from cascade.retrieval.rows import Row, read_csv, read_jsonl

characters = st.characters(exclude_categories=["Cs"])
strings = st.text(characters | st.sampled_from('",\r\n;\ufeff🎾'), max_size=12)
scalars = strings | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows") / "rows"


def stored(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def plain(rows: Iterator[Row]) -> list[tuple[str, str, dict[str, object]]]:
    return [(row.id, row.text, dict(row.metadata)) for row in rows]


@given(
    objects=st.lists(st.tuples(strings, st.dictionaries(strings.filter(lambda k: k not in ("id", "text")), scalars)))
)
def test_jsonl_gives_back_what_json_has_written(path: Path, objects: list[tuple[str, dict[str, object]]]) -> None:
    lines = [json.dumps({"text": text, **values}) for text, values in objects]
    rows = plain(read_jsonl(stored(path, "\r\n\n".join(lines))))
    assert rows == [(str(i), text, values) for i, (text, values) in enumerate(objects, start=1)]


@given(cells=st.lists(st.tuples(strings, strings.filter(bool))))
def test_csv_gives_back_what_csv_has_written(path: Path, cells: list[tuple[str, str]]) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([("id", "text", "note"), *((i, *row) for i, row in enumerate(cells))])
    rows = plain(read_csv(stored(path, stream.getvalue())))
    assert rows == [(str(i), text, {"note": note}) for i, (text, note) in enumerate(cells)]


def test_jsonl(path: Path) -> None:
    lines = [
        '\ufeff{"id": "a", "text": "One.", "title": "T", "tags": ["x"], "year": 7, "gone": null}',
        "",
        '{"text": ""}',
    ]
    assert plain(read_jsonl(stored(path, "\n".join(lines)))) == [
        ("a", "One.", {"title": "T", "year": 7}),
        ("2", "", {}),
    ]


def test_csv(path: Path) -> None:
    content = '\ufefftitle, text ,id\r\nT,"One\r\n""two""",a\r\n\r\n,Three,\r\n'
    assert plain(read_csv(stored(path, content))) == [("a", 'One\r\n"two"', {"title": "T"}), ("2", "Three", {})]


def test_a_cell_as_long_as_a_document(path: Path) -> None:
    (row,) = read_csv(stored(path, "text\n" + "x" * 200_000))
    assert len(row.text) == 200_000


@pytest.mark.parametrize("read", [read_jsonl, read_csv])
def test_empty_files_have_no_rows(path: Path, read: Callable[[Path], Iterator[Row]]) -> None:
    assert list(read(stored(path, ""))) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a"}\n{"text": ', ":2: expected a JSON object, got .*; mend the line"),
        ('["text"]', ":1: expected a JSON object, got a list"),
        ('\n{"body": "a"}', ":2: expected a string as 'text', got nothing"),
        ('{"text": 5}', ":1: expected a string as 'text', got a number"),
        ('{"text": "a", "id": [1]}', ":1: expected a string or a number as 'id', got a list"),
        ('{"text": "a"}\n{"text": "b", "year": NaN}', ":2: expected a finite number as 'year', got nan; mend it"),
        ('{"text": "a", "id": -Infinity}', ":1: expected a finite number as 'id', got -inf"),
        ('{"text": "a", "year": 1e999}', ":1: expected a finite number as 'year', got inf"),
        ("[" * 100_000, ":1: expected a JSON object, got .*recursion"),
        ('{"text": "\\ud83c"}', ":1: expected a JSON object, got .*surrogates not allowed"),
        (b'{"text": "a"}\n{"text": "\xe9"}', ":2: expected UTF-8, got byte 0xe9 at position 24; .*iconv"),
    ],
)
def test_damaged_json_lines(path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(read_jsonl(stored(path, content)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("body;id\nx;1", ":1: expected a header of different names separated by commas, one of them 'text', got"),
        ("text,text\nx,y", ":1: expected a header of different names"),
        ("text,note\nx,y\nz", ":3: expected 2 columns as in the header, got 1"),
        ('text\n"x"y', ":2: no proper CSV"),
        (b"text\nx\n\xff", ":3: expected UTF-8, got byte 0xff at position 7"),
    ],
)
def test_damaged_csv(path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(read_csv(stored(path, content)))


@pytest.mark.parametrize("read", [read_jsonl, read_csv])
def test_missing_files(tmp_path: Path, read: Callable[[Path], Iterator[Row]]) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        list(read(tmp_path / "none"))
    with pytest.raises(DataError, match="cannot be read"):
        list(read(tmp_path))
