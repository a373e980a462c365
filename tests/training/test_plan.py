from __future__ import annotations

from typing import Any

import pytest

from cascade.training.plan import Plan, Position


def plan(**settings: Any) -> Plan:
    defaults: dict[str, Any] = {
        "epochs": 4, "accumulate": 1, "evaluate_every": 1, "evaluate_steps": None, "checkpoint_every": None,
        "patience": None, "vote": False, "best_by_task": False, "score_weights": {}, "seed": 0,
    }  # fmt: skip
    return Plan(**{**defaults, **settings})


def walk(plan: Plan, updates: int = 3) -> tuple[list[int], list[int]]:
    """The updates after which a whole run evaluates, and those after which it writes a checkpoint."""
    position, evaluated, saved = Position(), [], []
    while not plan.over(position):
        position.advance(updates)
        if plan.evaluates(position):
            evaluated.append(position.total)
        if plan.checkpoints(position):
            saved.append(position.total)
    return evaluated, saved


@pytest.mark.parametrize(
    ("settings", "evaluated", "saved"),
    [
        ({}, [3, 6, 9, 12], [3, 6, 9, 12]),
        ({"evaluate_every": 3}, [9, 12], [3, 6, 9, 12]),
        ({"evaluate_steps": 5}, [5, 10, 12], [3, 6, 9, 12]),
        ({"evaluate_steps": 4, "checkpoint_every": 5}, [4, 8, 12], [3, 5, 6, 9, 10, 12]),
    ],
)
def test_when_a_run_pauses(settings: dict[str, int], evaluated: list[int], saved: list[int]) -> None:
    assert walk(plan(**settings)) == (evaluated, saved)


def test_patience() -> None:
    assert not plan(patience=2).over(Position(epoch=1, stale=1))
    assert plan(patience=2).over(Position(epoch=1, stale=2))
    assert plan(patience=2).checkpoints(Position(epoch=1, update=1, total=4, stale=2))
    assert not plan().over(Position(epoch=1, stale=99))


def test_a_vote_waits_for_every_task() -> None:
    """Task a is best at the second evaluation and then stands still; b gets better until the fourth."""
    position, voting = Position(), plan(patience=2, vote=True, epochs=99)
    assert not voting.over(position)
    over = []
    for a, b in [(0.5, 0.1), (0.6, 0.2), (0.6, 0.3), (0.5, 0.4), (0.6, 0.4), (0.6, 0.3)]:
        position.improved({"a": a, "b": b})
        over.append(voting.over(position))
    assert over == [False] * 5 + [True]
    assert position.best_tasks == {"a": 0.6, "b": 0.4}
    assert position.stale_tasks == {"a": 4, "b": 2}


def test_tasks_improve_on_their_own() -> None:
    position = Position()
    assert position.improved({"a": 0.5, "b": 0.0}) == ["a", "b"]
    assert position.improved({"a": 0.4, "b": 0.1}) == ["b"]
    assert position.improved({"a": 0.5}) == []


def test_progress_is_that_of_the_middle_of_the_update() -> None:
    position, seen = Position(), []
    while not plan().over(position):
        seen.append(plan().progress(position, 2))
        position.advance(2)
    assert seen == [(i + 0.5) / 8 for i in range(8)]
