from __future__ import annotations

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc

from cascade.training import Batches

VOCAB = spacy.blank("en").vocab


def make(lengths: list[int]) -> list[Doc]:
    return [Doc(VOCAB, words=["w"] * length) for length in lengths]


limits = st.one_of(
    st.builds(Batches, words=st.integers(1, 12)),
    st.builds(Batches, docs=st.integers(1, 4)),
    st.builds(Batches, words=st.integers(1, 12), docs=st.integers(1, 4)),
)


@given(lengths=st.lists(st.integers(0, 20), max_size=30), batches=limits, seed=st.integers(0, 3))
def test_every_doc_comes_once_and_no_limit_is_passed(lengths: list[int], batches: Batches, seed: int) -> None:
    cut = batches.cut(make(lengths), np.random.default_rng(seed))
    assert sorted(i for batch in cut for i in batch) == list(range(len(lengths)))
    for batch in cut:
        assert batches.docs is None or len(batch) <= batches.docs
        assert batches.words is None or len(batch) == 1 or sum(lengths[i] for i in batch) <= batches.words


def test_without_a_limit_of_words_the_order_is_the_shuffle() -> None:
    docs = make([5, 1, 4, 2, 3])
    shuffle = np.random.default_rng(7).permutation(5).tolist()
    assert Batches(docs=2).cut(docs, np.random.default_rng(7)) == [shuffle[:2], shuffle[2:4], shuffle[4:]]


def test_words_bring_docs_of_like_length_together() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, size=400).tolist()
    docs = make(lengths)

    def padding(batches: Batches) -> float:
        cut = batches.cut(docs, np.random.default_rng(1))
        return sum(len(b) * max(lengths[i] for i in b) for b in cut) / sum(lengths)

    assert padding(Batches(words=300)) < 1.15 < 1.5 < padding(Batches(docs=10))


def test_the_generator_decides_and_nothing_else() -> None:
    docs = make([3, 1, 4, 1, 5, 9, 2, 6])
    first, second, other = (Batches(words=9).cut(docs, np.random.default_rng([1, e])) for e in (0, 0, 1))
    assert first == second
    assert first != other


@pytest.mark.parametrize("limits", [{}, {"docs": 0}, {"words": 5, "docs": -1}])
def test_a_limit_is_needed(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="words= or docs="):
        Batches(**limits)
