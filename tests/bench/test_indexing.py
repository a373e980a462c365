"""An index of 100,000 passages: how long it takes, how fast it is, how much memory it needs."""

from __future__ import annotations

import pytest

from tests.bench.fresh import in_fresh_process
from tests.bench.indexing import indexing
from tests.bench.results import Results

pytestmark = pytest.mark.bench


@pytest.mark.parametrize("vectors", [False, True])
def test_a_hundred_thousand_passages(vectors: bool, results: Results) -> None:
    found = in_fresh_process(indexing, 100_000, vectors)
    results.add("index", f"100,000 passages{', with vectors' * vectors}", found)
    assert found["lexical searches a second"] >= 200
    assert found["peak MB"] < 1_500
    assert found["problems"] == found["different"] == 0


def test_a_small_one() -> None:
    """That the benchmark itself works."""
    found = indexing(2_000, True)
    assert found["problems"] == found["different"] == 0
