from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import ConfigError
from cascade.retrieval.fusion import convex_combination, reciprocal_rank_fusion

RANKINGS = [["a", "b", "c"], ["c", "a", "d"]]


def test_by_hand() -> None:
    assert reciprocal_rank_fusion(RANKINGS) == [
        ("a", pytest.approx(1 / 61 + 1 / 62)),
        ("c", pytest.approx(1 / 63 + 1 / 61)),
        ("b", pytest.approx(1 / 62)),
        ("d", pytest.approx(1 / 63)),
    ]


def test_weights() -> None:
    found = dict(reciprocal_rank_fusion(RANKINGS, weights=[1, 3], constant=0))
    assert found == pytest.approx({"a": 1 + 3 / 2, "b": 1 / 2, "c": 1 / 3 + 3, "d": 3 / 3})


def test_ties_are_in_the_order_of_ids() -> None:
    assert [id for id, _ in reciprocal_rank_fusion([["b", "x"], ["a", "x"]])] == ["x", "a", "b"]


def test_nothing() -> None:
    assert reciprocal_rank_fusion([]) == reciprocal_rank_fusion([[], []]) == []


@pytest.mark.parametrize("weights", [[1], [1, -1]])
def test_wrong_weights(weights: list[float]) -> None:
    with pytest.raises(ConfigError, match="2 weights"):
        reciprocal_rank_fusion(RANKINGS, weights=weights)
    with pytest.raises(ConfigError, match="2 weights"):
        convex_combination([{}, {}], weights=weights, floors=[0, 0])


@given(st.lists(st.permutations("abcdef"), min_size=1, max_size=4))
def test_the_order_of_rankings_does_not_matter(rankings: list[list[str]]) -> None:
    forth, back = reciprocal_rank_fusion(rankings), reciprocal_rank_fusion(rankings[::-1])
    assert dict(forth) == pytest.approx(dict(back))


def test_scores_by_hand() -> None:
    words, cosines = {"a": 8.0, "b": 2.0}, {"b": 0.6, "c": 0.2, "d": -1.0}
    assert convex_combination([words, cosines], weights=[0.25, 0.75], floors=[0.0, -1.0]) == [
        ("b", pytest.approx(0.25 * 2 / 8 + 0.75)),
        ("c", pytest.approx(0.75 * 1.2 / 1.6)),
        ("a", pytest.approx(0.25)),
        ("d", 0.0),
    ]


def test_scores_of_nothing() -> None:
    """A ranking without hits, or whose best score is the lowest there can be, leaves the order to the other."""
    assert convex_combination([], weights=[], floors=[]) == []
    assert convex_combination([{}, {"a": 0.5, "b": 1.0}], weights=[1, 1], floors=[0, 0]) == [("b", 1.0), ("a", 0.5)]
    assert convex_combination([{"a": 0.0}, {"b": 1.0}], weights=[1, 1], floors=[0, 0]) == [("b", 1.0), ("a", 0.0)]


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(-1, 1)), st.floats(0.1, 100))
def test_the_scale_of_scores_does_not_matter(scores: dict[str, float], factor: float) -> None:
    other = {"a": 3.0, "g": 1.0}
    scaled = {id: factor * score for id, score in scores.items()}
    once = convex_combination([other, scores], weights=[1, 2], floors=[0, -1])
    twice = convex_combination([other, scaled], weights=[1, 2], floors=[0, -factor])
    assert dict(once) == pytest.approx(dict(twice))
