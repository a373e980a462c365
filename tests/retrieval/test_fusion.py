from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import ConfigError
from cascade.retrieval.fusion import reciprocal_rank_fusion

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


@given(st.lists(st.permutations("abcdef"), min_size=1, max_size=4))
def test_the_order_of_rankings_does_not_matter(rankings: list[list[str]]) -> None:
    forth, back = reciprocal_rank_fusion(rankings), reciprocal_rank_fusion(rankings[::-1])
    assert dict(forth) == pytest.approx(dict(back))
