from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from cascade.data.files import grouped, read_blocks, read_lines, require_any
from cascade.errors import ConfigError, DataError

TEXT = "one\ntwo 𝒳 e\u0301\n\nthree"
LINES = [(1, "one"), (2, "two 𝒳 e\u0301"), (3, ""), (4, "three")]


def stored(folder: Path, content: bytes) -> Path:
    path = folder / "file.txt"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r\n").encode("utf-8-sig") + b"\r\n",
        gzip.compress(TEXT.encode("utf-8-sig")),
    ],
    ids=["plain", "bom", "crlf", "bom and crlf", "gzip"],
)
def test_lines_are_the_same_in_every_wrapping(tmp_path: Path, content: bytes) -> None:
    assert list(read_lines(stored(tmp_path, content))) == LINES


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    path = stored(tmp_path, "a\u2028b\x85c\x0bd\n".encode())
    assert list(read_lines(path)) == [(1, "a\u2028b\x85c\x0bd")]


def test_bom_inside_the_text_stays(tmp_path: Path) -> None:
    assert list(read_lines(stored(tmp_path, "a\n\ufeffb".encode()))) == [(1, "a"), (2, "\ufeffb")]


def test_other_encodings_are_named_with_their_line(tmp_path: Path) -> None:
    path = stored(tmp_path, "plain\ncafé\n".encode("latin-1"))
    with pytest.raises(DataError, match="expected UTF-8") as caught:
        list(read_lines(path))
    assert (caught.value.path, caught.value.line) == (path, 2)
    assert str(caught.value).startswith(f"{path}:2: ")


def test_unreadable_files(tmp_path: Path) -> None:
    zipped = gzip.compress(TEXT.encode() * 100)
    with pytest.raises(DataError, match="no such file"):
        list(read_lines(tmp_path / "absent"))
    with pytest.raises(DataError, match="cannot be read"):
        list(read_lines(tmp_path))
    for damaged in (zipped[:-12], zipped[:10] + b"\xff" + zipped[11:], zipped[:-8] + b"12345678"):
        with pytest.raises(DataError, match="damaged"):
            list(read_lines(stored(tmp_path, damaged)))


def test_blocks_end_at_blank_lines_of_any_kind(tmp_path: Path) -> None:
    path = stored(tmp_path, b"\n\na\nb\n \t\n\nc\r\n\r\nd")
    assert list(read_blocks(path)) == [[(3, "a"), (4, "b")], [(7, "c")], [(9, "d")]]
    assert list(read_blocks(stored(tmp_path, b""))) == []


def test_groups(tmp_path: Path) -> None:
    assert list(grouped(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(grouped([], 3)) == []
    with pytest.raises(ConfigError, match="got 0"):
        list(grouped([1], 0))


def test_nothing_is_an_error() -> None:
    assert list(require_any([1, 2], path="f", expected="numbers")) == [1, 2]
    with pytest.raises(DataError, match="^f: expected numbers, got none"):
        list(require_any([], path="f", expected="numbers"))
