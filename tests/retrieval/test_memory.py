from __future__ import annotations

from collections import Counter
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.retrieval.memory import MemoryRetriever
from tests.retrieval.made import passage

WORDS = st.lists(st.sampled_from("abcdef"), max_size=8)


def bm25(query: list[str], texts: list[list[str]]) -> list[float]:
    """The formula of Lucene, term by term."""
    mean = sum(map(len, texts)) / len(texts)

    def weight(term: str, text: list[str]) -> float:
        n, tf = sum(term in other for other in texts), Counter(text)[term]
        length = 0.25 + 0.75 * len(text) / mean
        return log(1 + (len(texts) - n + 0.5) / (n + 0.5)) * tf * 2.2 / (tf + 1.2 * length)

    return [sum(weight(term, text) for term in query) for text in texts]


@given(st.lists(WORDS, min_size=1, max_size=6).filter(any), WORDS)
def test_against_the_formula(texts: list[list[str]], query: list[str]) -> None:
    passages = [passage(f"d#{number}", " ".join(text)) for number, text in enumerate(texts)]
    hits = MemoryRetriever(passages).search(" ".join(query), len(texts))
    expected = {f"d#{number}": score for number, score in enumerate(bm25(query, texts)) if score}
    assert {hit.id: hit.score for hit in hits} == pytest.approx(expected)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_small_collections_have_scores() -> None:
    """The inverse document frequency of the library is zero here, or negative."""
    one = MemoryRetriever([passage("a#0", "A lantern")])
    assert one.search("lantern")[0].score > 0
    two = MemoryRetriever([passage("a#0", "A lantern hangs"), passage("a#1", "A boat waits")])
    assert [hit.id for hit in two.search("boat")] == ["a#1"]


@pytest.mark.parametrize("texts", [[], [""], ["?!", "  "]])
def test_nothing_to_find(texts: list[str]) -> None:
    retriever = MemoryRetriever(passage(f"a#{number}", text) for number, text in enumerate(texts))
    assert len(retriever) == len(texts)
    assert retriever.search("boat") == []


def test_where_and_batches() -> None:
    retriever = MemoryRetriever([passage("b#0", "boat", year=1), passage("a#0", "boat", year=2)])
    assert [hit.id for hit in retriever.search("boat")] == ["a#0", "b#0"]
    assert [hit.id for hit in retriever.search("boat", where={"year": 1})] == ["b#0"]
    batch = retriever.search_batch(["boat", "", "cart"], 1)
    assert [[hit.id for hit in hits] for hits in batch] == [["a#0"], [], []]
