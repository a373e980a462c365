from __future__ import annotations

import time
import zlib
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from spacy.lang.lex_attrs import word_shape

from cascade.nn.encoders import words
from cascade.nn.encoders.words import (
    HASHES,
    CharacterBag,
    Vocabulary,
    character_ngrams,
    shape,
    stable_hash,
    word_features,
)


def test_ngrams_worked_by_hand() -> None:
    assert list(character_ngrams("Cat")) == [
        *["#B#C", "Ca", "at", "t#E#"],
        *["#B#Ca", "Cat", "at#E#"],
        *["#B#Cat", "Cat#E#"],
    ]
    assert list(character_ngrams("a")) == ["#B#a", "a#E#", "#B#a#E#"]
    assert list(character_ngrams("")) == ["#B##E#"]


def test_ngrams_are_counted_once_and_keep_their_case() -> None:
    assert list(character_ngrams("aaaa")).count("aa") == 1
    assert set(character_ngrams("cat")) & set(character_ngrams("CAT")) == set()


def test_ngrams_of_endless_words_are_bounded() -> None:
    assert list(character_ngrams("ab" * 10_000)) == list(character_ngrams("ab" * 32))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Cascade", "Xxxxx"),
        ("C3PO", "XdXX"),
        ("2024-01-31", "dddd-dd-dd"),
        ("éÉß", "xXx"),
        ("......", "...."),
        ("", ""),
    ],
)
def test_shape(word: str, expected: str) -> None:
    assert shape(word) == expected


@given(st.text(max_size=12))
def test_shape_is_that_of_spacy(word: str) -> None:
    assert shape(word) == word_shape(word)


@pytest.mark.parametrize(
    ("word", "digest"),  # of `printf WORD | b2sum -l 64`
    [
        ("", "e4a6a0577479b2b4"),
        ("cat", "3327dd2c7b9d982f"),
        ("Straße", "3eef1167e8c89a12"),
        ("\ud800", "4208783e927d0d68"),
    ],
)
def test_hashes_are_the_same_on_every_machine(word: str, digest: str) -> None:
    assert stable_hash(word) == int.from_bytes(bytes.fromhex(digest), "little", signed=True)


def test_word_features_name_every_part() -> None:
    features = word_features([["Running", "cat"], [], ["Running"]])
    assert features["types"].tolist() == [0, 1, 0]
    parts = ["prefix R", "prefix Ru", "prefix Run", "suffix ng", "suffix ing", "suffix ning", "shape Xxxxx"]
    assert features["hashes"][0].tolist() == [stable_hash(part) for part in ("Running", "running", *parts)]
    assert features["hashes"].shape == (2, HASHES)


def test_word_features_of_nothing() -> None:
    for texts in ([], [[], []]):
        features = word_features(texts)
        assert features["hashes"].shape == (0, HASHES)
        assert not any(len(part) for part in features.values())


def test_the_cache_is_bounded() -> None:
    assert words._hashed.cache_info().maxsize == words.CACHED


def test_character_bag_is_the_mean_over_distinct_ngrams() -> None:
    bag = CharacterBag(buckets=30, width=4)
    got = bag(word_features([["Cat", "banana", "Cat", ""]]))
    for i, word in enumerate(["Cat", "banana", ""]):
        buckets = [zlib.crc32(gram.encode()) % 30 for gram in set(character_ngrams(word))]
        torch.testing.assert_close(got[i], bag.weight[buckets].mean(0))


@pytest.fixture
def vocabulary() -> Vocabulary:
    """Three words of [a x4, The x3, the x2, b x2, c x1]; of `b` and `the`, the first by alphabet."""
    vocabulary = Vocabulary(size=3, minimum=2, alpha=0.25)
    vocabulary.fill(iter([["a", "The", "the", "b"], [], ["a", "a", "The", "b", "c"], ["a", "The", "the"]]))
    return vocabulary


def test_the_most_frequent_words_have_rows(vocabulary: Vocabulary) -> None:
    rows = vocabulary(word_features([["a", "The", "b", "the", "c"]]))
    known = sorted(["a", "The", "b"], key=stable_hash)
    assert rows.tolist() == [known.index("a") + 1, known.index("The") + 1, known.index("b") + 1, 0, 0]
    assert vocabulary.counts[rows].tolist() == [4, 3, 2, 0, 0]


def test_an_unknown_form_falls_back_to_lower_case(vocabulary: Vocabulary) -> None:
    rows = vocabulary(word_features([["A", "a", "THE"]]))
    assert rows[0] == rows[1] > 0 == rows[2]


def test_rare_words_are_left_out() -> None:
    vocabulary = Vocabulary(size=10, minimum=3, alpha=0.25)
    vocabulary.fill([["a"] * 3 + ["b"] * 2])
    assert vocabulary(word_features([["a", "b"]])).tolist() == [1, 0]


def test_an_empty_vocabulary_knows_nothing() -> None:
    vocabulary = Vocabulary(size=4, minimum=1, alpha=0.25)
    vocabulary.fill([])
    assert vocabulary(word_features([["a", "b"]])).tolist() == [0, 0]


@given(st.lists(st.text("abcAB", max_size=3), max_size=40))
def test_filling_does_not_depend_on_the_order_of_texts(tokens: list[str]) -> None:
    one, two = (Vocabulary(size=5, minimum=1, alpha=0.25) for _ in range(2))
    one.fill([tokens])
    two.fill([[token] for token in reversed(tokens)])
    assert torch.equal(one.hashes, two.hashes) and torch.equal(one.counts, two.counts)
    assert one.hashes.tolist() == sorted(one.hashes.tolist())


def test_word_dropout_follows_the_counts(vocabulary: Vocabulary) -> None:
    draws = 20_000
    for row, count in enumerate(vocabulary.counts.tolist()):
        share = vocabulary.dropped(torch.full((draws,), row)).float().mean()
        assert share == pytest.approx(0.25 / (0.25 + count), abs=0.015)


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.bench
def test_features_of_known_words_are_quick(one_thread: None) -> None:
    texts = [[f"word{(7 * i * j) % 900}" for j in range(20)] for i in range(128)]
    word_features(texts)
    start = time.perf_counter()
    for _ in range(20):
        word_features(texts)
    assert 20 * 128 * 20 / (time.perf_counter() - start) > 150_000
