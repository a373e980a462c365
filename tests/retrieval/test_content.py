from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.data.files import decode
from cascade.errors import DataError
from cascade.retrieval.content import read_text


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\r\n\ufeff🎾")))
def test_text_stays_as_it_is(source: str) -> None:
    content = read_text(source.encode(), "a.txt")
    assert content.source == source
    assert content.text == source.removeprefix("\ufeff")
    assert len(content.offsets) == len(content.text)
    assert source[slice(*content.offsets.origin(0, len(content.text)))] == content.text


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("naïve\r\ncafé".encode("latin1"), r"^a\.txt:1: expected UTF-8, got byte 0xef at position 2; convert the file"),
        (b"one\ntwo \xe2\x82", r"^a\.txt:2: expected UTF-8, got byte 0xe2 at position 8"),
        ("x".encode("utf-16"), r"^a\.txt:1: .* at position [01]"),
    ],
)
def test_other_encodings(raw: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_text(raw, "a.txt")


def test_the_place_in_a_line_of_a_file() -> None:
    with pytest.raises(DataError, match=r"^a:7: .* at position 101;"):
        decode(b"x\xff", "a", line=7, before=100)
