from __future__ import annotations

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from cascade.errors import ConfigError, DataError
from cascade.evaluation.ranking import ndcg, recall, reciprocal_rank, score_rankings
from cascade.evaluation.tables import means

GRADES = {"a": 3.0, "b": 1.0, "c": 0.0, "d": 2.0}


def test_hand_worked() -> None:
    ranking = ["x", "b", "a", "c"]
    gain = 1 / log2(3) + 3 / log2(4)
    ideal = 3 / log2(2) + 2 / log2(3) + 1 / log2(4)
    assert ndcg(ranking, GRADES, 10) == pytest.approx(gain / ideal)
    assert ndcg(ranking, GRADES, 2) == pytest.approx((1 / log2(3)) / (3 + 2 / log2(3)))
    assert [recall(ranking, GRADES, k) for k in (1, 2, 3, 10)] == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3])
    assert [reciprocal_rank(ranking, GRADES, k) for k in (1, 2, 10)] == [0, 0.5, 0.5]


@given(st.lists(st.integers(0, 3), min_size=2, max_size=15), st.integers(1, 12), st.randoms())
def test_ndcg_is_scikit_learns_for_a_ranking_of_everything(grades: list[int], k: int, random: object) -> None:
    order = list(range(len(grades)))
    random.shuffle(order)  # type: ignore[attr-defined]
    scores = np.empty(len(grades))
    scores[order] = np.arange(len(grades), 0, -1)
    expected = ndcg_score([grades], [scores], k=k) if any(grades) else 0.0
    relevance = {str(i): float(grade) for i, grade in enumerate(grades)}
    assert ndcg([str(i) for i in order], relevance, k) == pytest.approx(expected)


@given(st.permutations("abcdefg"), st.sets(st.sampled_from("abcdefg"), min_size=1), st.integers(1, 9))
def test_recall_and_reciprocal_rank_by_their_definition(ranking: list[str], relevant: set[str], k: int) -> None:
    grades = dict.fromkeys(relevant, 1.0)
    assert recall(ranking, grades, k) == len(relevant & set(ranking[:k])) / len(relevant)
    first = min(ranking.index(name) for name in relevant) + 1
    assert reciprocal_rank(ranking, grades, k) == (1 / first if first <= k else 0)


@given(st.permutations("abcd"))
def test_the_order_of_grades_is_best(ranking: list[str]) -> None:
    assert ndcg(ranking, GRADES, 10) <= ndcg(["a", "d", "b"], GRADES, 10) == 1


def test_grades_below_0_are_not_relevant() -> None:
    assert ndcg(["a", "b"], {"a": -1.0, "b": 1.0}, 10) == pytest.approx(1 / log2(3))
    assert recall(["a"], {"a": -1.0}, 1) == reciprocal_rank(["a"], {"a": -1.0}, 1) == 0


def test_rankings() -> None:
    relevance = {"one": {"a": 1.0}, "two": {"b": 1.0}, "lost": {"c": 1.0}, "none": {"a": 0.0}, "blank": {}}
    table = score_rankings({"one": ["a"], "two": ["a", "b"], "more": ["a"]}, relevance, recall_at=(1, 2))
    assert table == {
        "one": {"recall@1": 1, "recall@2": 1, "mrr@10": 1, "ndcg@10": 1},
        "two": {"recall@1": 0, "recall@2": 1, "mrr@10": 0.5, "ndcg@10": pytest.approx(1 / log2(3))},
        "lost": {"recall@1": 0, "recall@2": 0, "mrr@10": 0, "ndcg@10": 0},
    }
    assert means(table)["recall@2"] == pytest.approx(2 / 3)
    assert score_rankings({}, {}) == {}


def test_only_the_first_ten_count() -> None:
    names = [f"n{i}" for i in range(11)]
    table = score_rankings({"last": names, "tenth": names}, {"last": {"n10": 1.0}, "tenth": {"n9": 1.0}})
    assert table["last"] == {"recall@1": 0, "recall@5": 0, "recall@10": 0, "mrr@10": 0, "ndcg@10": 0}
    assert table["tenth"]["mrr@10"] == 0.1


def test_unusable_rankings() -> None:
    with pytest.raises(DataError, match="got 'b' twice"):
        ndcg(["a", "b", "c", "b"], GRADES, 10)
    with pytest.raises(ConfigError, match="got 0"):
        score_rankings({}, {"q": {"a": 1.0}}, recall_at=(0,))
