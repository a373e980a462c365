from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.diagnostics.grouping import exact, searched, suggest_groups

Table = dict[str, dict[str, float]]
MANY = "abcdefghijklmnopq"


def gain(table: Table, task: str, group: Sequence[str]) -> float:
    """mean_{i in g, i != j} Z_{i -> j}."""
    others = [table[i][task] for i in group if i != task]
    return sum(others) / len(others) if others else 0.0


def brute_force(table: Table, most: int) -> float:
    """The best sum over all choices of at most so many groups that have every task in one of them."""
    tasks = list(table)
    subsets = list(chain.from_iterable(combinations(tasks, n) for n in range(1, len(tasks) + 1)))
    choices = chain.from_iterable(combinations(subsets, n) for n in range(1, most + 1))
    return max(
        sum(max(gain(table, task, group) for group in chosen if task in group) for task in tasks)
        for chosen in choices
        if {task for group in chosen for task in group} == set(tasks)
    )


def tables(number: int, seed: int) -> Table:
    rng = random.Random(seed)
    tasks = "abcdef"[:number]
    return {i: {j: rng.uniform(-1, 1) for j in tasks if i != j} for i in tasks}


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 10_000))
def test_as_good_as_the_best_of_all_choices(number: int, most: int, seed: int) -> None:
    table = tables(number, seed)
    found = suggest_groups(table, most)
    assert 1 <= len(found) <= most
    assert sorted(task for group in found for task in group.serves) == sorted(table)
    assert sum(group.score for group in found) == pytest.approx(brute_force(table, most))
    for group in found:
        assert set(group.serves) <= set(group.tasks)
        assert group.score == pytest.approx(sum(gain(table, task, group.tasks) for task in group.serves))


def test_friends_stay_together_and_a_loner_alone() -> None:
    table = {i: {j: 1.0 if {i, j} in ({"a", "b"}, {"c", "d"}) else -1.0 for j in "abcde"} for i in "abcde"}
    found = suggest_groups(table, 3)
    assert [(list(group.tasks), group.score) for group in found] == [(["a", "b"], 2.0), (["c", "d"], 2.0), (["e"], 0.0)]


def test_a_task_may_help_where_it_is_not_served() -> None:
    table = {"a": {"b": 0.9, "c": 0.9}, "b": {"a": -0.5, "c": -0.5}, "c": {"a": -0.5, "b": -0.5}}
    found = suggest_groups(table, 3)
    assert [(list(group.tasks), list(group.serves)) for group in found] == [
        (["a"], ["a"]),
        (["a", "b"], ["b"]),
        (["a", "c"], ["c"]),
    ]


def test_unknown_affinities_count_as_none() -> None:
    assert suggest_groups({"a": {}, "b": {}}, 1)[0].score == 0.0


@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize("most", [1, 2, 4])
def test_the_search_of_many_finds_the_best_of_few(number: int, most: int) -> None:
    for seed in range(5):
        table = [[own.get(j, 0.0) for j in "abcdef"[:number]] for own in tables(number, seed).values()]
        best, found = (sum(score for *_, score in search(table, most)) for search in (exact, searched))
        assert found == pytest.approx(best)


def test_many_tasks() -> None:
    table = {i: {j: 1.0 if ord(i) % 3 == ord(j) % 3 else -1.0 for j in MANY if i != j} for i in MANY}
    found = suggest_groups(table, 3)
    assert {"".join(group.tasks) for group in found} == {MANY[i::3] for i in range(3)}
    assert sum(group.score for group in found) == len(MANY)
