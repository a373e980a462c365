"""From affinities to suggestions: which tasks to train together, and which edges to draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

Affinities = Mapping[str, Mapping[str, float]]
"""How much a step for one task betters another: by the task that takes the step, then by the other."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Tasks that are trained together.

    Attributes:
        tasks: All of them.
        serves: Those that are to be predicted by this model; the others only help them.
        score: Sum of what these get of it.
    """

    tasks: Sequence[str]
    serves: Sequence[str]
    score: float


def suggest_groups(affinities: Affinities, most: int) -> list[Group]:
    """The best choice of at most so many groups (Fifty et al. 2021, section 3.2).

    A task j gets mean_{i in g, i != j} Z_{i -> j} of a group g, and 0 if it is alone; each is served by the group of
    which it gets most, and the groups are those of which all tasks together get most. They may overlap. The search is
    exact: for every set of tasks the best group that serves it, then the best partition of all tasks into such sets.
    It takes in the order of most * 3^n steps for n tasks.

    Args:
        affinities: Z; the diagonal does not count.
        most: Groups at most.
    """
    tasks = list(affinities)
    best = _best_groups([[affinities[i].get(j, 0.0) for j in tasks] for i in tasks])

    @cache
    def choose(left: int, groups: int) -> tuple[float, tuple[int, ...]]:
        """The best partition of what is left."""
        if not left:
            return 0.0, ()
        if not groups:
            return float("-inf"), ()
        options = []
        for served in _subsets(left):
            if served & left & -left:
                value, others = choose(left & ~served, groups - 1)
                options.append((best[served][0] + value, (served, *others)))
        return max(options, key=lambda option: (option[0], -len(option[1])))

    def names(some: int) -> list[str]:
        return [task for place, task in enumerate(tasks) if some >> place & 1]

    _, chosen = choose((1 << len(tasks)) - 1, most)
    return [Group(tasks=names(best[s][1]), serves=names(s), score=best[s][0]) for s in chosen]


def _best_groups(table: Sequence[Sequence[float]]) -> dict[int, tuple[float, int]]:
    """For every set of tasks, as bits: what they get of the group that is best for them together, and that group."""
    number = len(table)
    best: dict[int, tuple[float, int]] = {}
    for group in sorted(range(1, 1 << number), key=int.bit_count):
        members = [i for i in range(number) if group >> i & 1]
        gets = {1 << j: _mean([table[i][j] for i in members if i != j]) for j in members}
        for served in _subsets(group):
            value = sum(gain for bit, gain in gets.items() if served & bit)
            if served not in best or value > best[served][0]:
                best[served] = value, group
    return best


def _subsets(of: int) -> Iterator[int]:
    """All subsets but the empty one, as bits."""
    some = of
    while some:
        yield some
        some = (some - 1) & of


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
