from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from cascade.retrieval.ranking import Ranked, ranked


def rank(scores: Sequence[float], deleted: set[int], limit: int) -> list[Ranked]:
    """Ranks rows 0, 1, ... whose ids run the other way, so that the order of rows is the wrong one."""
    rows = sorted(enumerate(scores), key=lambda pair: -pair[1])
    ids = {row: f"{1000 - row}" for row in range(len(scores)) if row not in deleted}
    return ranked(
        lambda count: rows[:count], lambda some: {row: ids[row] for row in some if row in ids}, limit, digits=4
    )


def test_equal_scores_are_in_the_order_of_ids_however_many_there_are() -> None:
    found = rank([1.0] * 300, set(), 3)
    assert [passage.id for passage in found] == ["1000", "701", "702"]


def test_last_bits_do_not_count() -> None:
    assert [passage.id for passage in rank([1.0000001, 1.0], set(), 2)] == ["1000", "999"]


@given(st.lists(st.integers(0, 4), max_size=80), st.sets(st.integers(0, 80)), st.integers(1, 90))
def test_against_sorting_everything(scores: list[int], deleted: set[int], limit: int) -> None:
    alive = [(-score, f"{1000 - row}") for row, score in enumerate(scores) if row not in deleted]
    assert [(-p.score, p.id) for p in rank(scores, deleted, limit)] == sorted(alive)[:limit]
