from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.docs import Transcript
from cascade.retrieval import Offsets

Stretch = tuple[int, int]

# What is done with the next stretch of the source: how long it is, and what is written for it (None: it is copied).
edits = st.lists(st.tuples(st.integers(0, 4), st.none() | st.text("xy🎾", max_size=3)))
sources = st.text("ab \r\n🎾", max_size=40)


def transcribe(source: str, steps: Sequence[tuple[int, str | None]]) -> tuple[str, Offsets, list[Stretch]]:
    """The text, its offsets, and as an oracle the stretch of every character."""
    transcript, stretches, place = Transcript(source), list[Stretch](), 0
    for length, replacement in steps:
        end = min(place + length, len(source))
        if replacement is None:
            transcript.copy(place, end)
            stretches += [(i, i + 1) for i in range(place, end)]
        else:
            transcript.replace(replacement, place, end)
            same = replacement == source[place:end]
            stretches += [(place + i, place + i + 1) if same else (place, end) for i in range(len(replacement))]
        place = end
    text, offsets = transcript.finish()
    assert len(transcript) == len(text)
    return text, offsets, stretches


def slices(length: int) -> list[Stretch]:
    return [(i, j) for i in range(length + 1) for j in range(i, length + 1)]


@given(sources, edits)
def test_the_origin_of_every_slice(source: str, steps: Sequence[tuple[int, str | None]]) -> None:
    text, offsets, stretches = transcribe(source, steps)
    assert len(offsets) == len(text) == len(stretches)
    for start, end in slices(len(text)):
        if start < end:
            assert offsets.origin(start, end) == (stretches[start][0], stretches[end - 1][1])
        else:
            place, same = offsets.origin(start, end)
            assert place == same
            assert start == len(text) or place == stretches[start][0]


@given(sources, edits)
def test_slices_compose(source: str, steps: Sequence[tuple[int, str | None]]) -> None:
    text, offsets, _ = transcribe(source, steps[:6])
    for a, b in slices(len(text)):
        part = offsets.slice(a, b)
        assert len(part) == b - a
        for c, d in slices(b - a):
            assert part.slice(c, d) == offsets.slice(a + c, a + d)
            if c < d:
                assert part.origin(c, d) == offsets.origin(a + c, a + d)


@given(sources, edits)
def test_json_brings_everything_back(source: str, steps: Sequence[tuple[int, str | None]]) -> None:
    _, offsets, _ = transcribe(source, steps)
    assert Offsets.from_json(json.loads(json.dumps(offsets.to_json()))) == offsets


@given(sources, edits)
def test_what_is_verbatim_is_the_source(source: str, steps: Sequence[tuple[int, str | None]]) -> None:
    text, offsets, _ = transcribe(source, steps)
    for start, end in slices(len(text)):
        if offsets.slice(start, end).verbatim:
            assert source[slice(*offsets.origin(start, end))] == text[start:end]


@given(sources)
def test_an_identity_has_one_piece(source: str) -> None:
    transcript = Transcript(source)
    for i in range(len(source)):
        transcript.copy(i, i + 1)
    text, offsets = transcript.finish()
    assert text == source
    assert offsets == Offsets.identity(len(source))
    assert offsets.verbatim == (len(source) > 1)


def test_a_hand_worked_example() -> None:
    source = "<p>R&amp;D  now"
    transcript = Transcript(source)
    transcript.copy(3, 4)
    transcript.replace("&", 4, 9)
    transcript.copy(9, 10)
    transcript.replace(" ", 10, 12)
    transcript.copy(12, 15)
    text, offsets = transcript.finish()
    assert text == "R&D now"
    assert source[slice(*offsets.origin(0, 3))] == "R&amp;D"
    assert source[slice(*offsets.origin(1, 2))] == "&amp;"
    assert source[slice(*offsets.origin(2, 6))] == "D  no"
    assert offsets.slice(4, 7) == Offsets.identity(3, shift=12)


def test_a_character_that_is_replaced_does_not_pass_for_a_copy() -> None:
    transcript = Transcript("a\nb")
    transcript.copy(0, 1)
    transcript.replace(" ", 1, 2)
    transcript.copy(2, 3)
    text, offsets = transcript.finish()
    assert text == "a b"
    assert not offsets.verbatim


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (0, 4), (2, 1)])
def test_slices_beyond_the_text(start: int, end: int) -> None:
    offsets = Offsets.identity(3)
    with pytest.raises(IndexError, match="expected a slice of 3 characters"):
        offsets.origin(start, end)
    with pytest.raises(IndexError, match="expected a slice of 3 characters"):
        offsets.slice(start, end)
