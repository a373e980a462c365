"""The made-up text keeps its promises."""

from __future__ import annotations

from collections import Counter

from tests.bench.text import spelled, texts


def words_of(text: str) -> list[str]:
    return text.replace(".", "").split()


def test_numbers_have_words_of_their_own() -> None:
    assert len({spelled(number) for number in range(50_000)}) == 50_000
    assert spelled(0) == "babe"


def test_there_is_as_much_as_is_wanted() -> None:
    assert [len(words_of(text)) for text in texts(450, size=200)] == [200, 200, 50]
    assert list(texts(450)) == list(texts(450)) != list(texts(450, seed=1))


def test_a_fifth_of_the_types_of_every_text_are_new() -> None:
    seen: set[str] = {spelled(number) for number in range(20_000)}
    for text in texts(20_000):
        types = set(words_of(text))
        assert abs(len(types - seen) / len(types) - 0.2) < 0.01
        seen |= types


def test_the_others_are_as_frequent_as_zipf_has_it() -> None:
    counts = Counter(word for text in texts(100_000) for word in words_of(text))
    for rank in (1, 2, 4, 8):
        share = sum(counts[spelled(number)] for number in range(rank - 1, 2 * rank - 1)) / counts.total()
        assert 0.05 < share < 0.08  # of each doubling of the rank
