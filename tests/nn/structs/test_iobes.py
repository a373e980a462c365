from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from cascade.errors import DataError, LabelError
from cascade.nn.structs.iobes import Chunk, Iobes

SCHEME = Iobes(["NP", "VP", "B-X"])  # a label may look like a tag
TAGS = st.lists(st.integers(0, len(SCHEME.tags) - 1), max_size=12)


@st.composite
def annotations(draw: st.DrawFn) -> tuple[list[Chunk], int]:
    length = draw(st.integers(0, 12))
    chunks, position = [], 0
    while position < length:
        width = draw(st.integers(1, length - position))
        if draw(st.booleans()):
            chunks.append((position, position + width, draw(st.sampled_from(SCHEME.labels))))
        position += width
    return chunks, length


def names(tags: np.ndarray | list[int]) -> list[str]:
    return [SCHEME.tags[tag] for tag in tags]


def numbers(text: str) -> list[int]:
    return [SCHEME.tags.index(tag) for tag in text.split()]


def legal(tags: list[int] | np.ndarray) -> bool:
    if not len(tags):
        return True
    transitions, starts, ends = SCHEME.allowed
    return bool(starts[tags[0]] and ends[tags[-1]] and transitions[tags[:-1], tags[1:]].all())


def test_tags_stand_in_the_order_of_the_labels() -> None:
    assert Iobes(["VP", "NP"]).tags == ("O", "B-VP", "I-VP", "E-VP", "S-VP", "B-NP", "I-NP", "E-NP", "S-NP")
    assert Iobes([]).tags == ("O",)
    assert Iobes([]).allowed.transitions.tolist() == [[True]]


def test_encode_by_hand() -> None:
    tags = SCHEME.encode([(5, 6, "VP"), (0, 3, "NP"), (3, 5, "NP")], 7)
    assert names(tags) == ["B-NP", "I-NP", "E-NP", "B-NP", "E-NP", "S-VP", "O"]


@given(annotations())
def test_chunks_survive_the_round_trip_and_are_legal(annotation: tuple[list[Chunk], int]) -> None:
    chunks, length = annotation
    tags = SCHEME.encode(reversed(chunks), length)
    assert SCHEME.decode(tags) == chunks
    assert legal(tags)


@pytest.mark.parametrize("length", range(4))
def test_a_sequence_is_legal_exactly_when_its_chunks_spell_it_again(length: int) -> None:
    for tags in map(list, itertools.product(range(len(SCHEME.tags)), repeat=length)):
        assert legal(tags) == (SCHEME.encode(SCHEME.decode(tags), length).tolist() == tags)


@given(TAGS)
def test_any_sequence_is_read_as_seqeval_reads_it(tags: list[int]) -> None:
    expected = [(start, end + 1, label) for label, start, end in get_entities(names(tags))]
    assert SCHEME.decode(tags) == expected


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("O I-NP I-NP O", [(1, 3, "NP")]),
        ("B-NP O E-NP", [(0, 1, "NP"), (2, 3, "NP")]),
        ("B-NP I-VP E-NP", [(0, 1, "NP"), (1, 2, "VP"), (2, 3, "NP")]),
        ("B-NP B-NP", [(0, 1, "NP"), (1, 2, "NP")]),
        ("E-NP E-NP I-NP", [(0, 1, "NP"), (1, 2, "NP"), (2, 3, "NP")]),
        ("S-VP I-VP S-VP", [(0, 1, "VP"), (1, 2, "VP"), (2, 3, "VP")]),
        ("", []),
    ],
)
def test_repairs_by_hand(text: str, chunks: list[Chunk]) -> None:
    assert SCHEME.decode(numbers(text)) == chunks


@pytest.mark.parametrize("chunk", [(2, 2, "NP"), (-1, 1, "NP"), (3, 5, "NP"), (0, 2, "VP")])
def test_chunks_that_have_no_tags_are_refused(chunk: Chunk) -> None:
    with pytest.raises(DataError, match=f"tokens {chunk[0]}:{chunk[1]}"):
        SCHEME.encode([(1, 2, "NP"), chunk], 4)


def test_unknown_and_repeated_labels_are_refused() -> None:
    with pytest.raises(LabelError, match="'PP'.*NP, VP"):
        SCHEME.encode([(0, 1, "PP")], 1)
    with pytest.raises(LabelError, match="NP"):
        Iobes(["NP", "VP", "NP"])
