"""From affinities to suggestions: which tasks to train together, and which edges to draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

Affinities = Mapping[str, Mapping[str, float]]
"""How much a step for one task betters another: by the task that takes the step, then by the other."""

Table = Sequence[Sequence[float]]
"""The same by number of the task; the diagonal is 0."""

Choice = tuple[int, int, float]
"""The tasks that a group serves and those it has, as bits, and its score."""

EXACT, BEAM = 12, 64


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
    exact up to `EXACT` tasks: for every set of tasks the best group that serves it, then the best partition of all
    tasks into such sets, in the order of most * 3^n steps for n tasks. Beyond, it is a beam search, which may miss the
    best: from one group of all tasks, a task enters or leaves a group, and the `BEAM` best choices are gone on with.

    Args:
        affinities: Z; the diagonal does not count.
        most: Groups at most.
    """
    tasks = list(affinities)
    table = [[affinities[i].get(j, 0.0) if i != j else 0.0 for j in tasks] for i in tasks]

    def names(some: int) -> list[str]:
        return [task for place, task in enumerate(tasks) if some >> place & 1]

    chosen = (exact if len(tasks) <= EXACT else searched)(table, most)
    return [Group(tasks=names(group), serves=names(served), score=score) for served, group, score in chosen]


def exact(table: Table, most: int) -> list[Choice]:
    """The best groups.

    Args:
        table: Z.
        most: Groups at most.
    """
    best = _best_groups(table)

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

    return [(served, best[served][1], best[served][0]) for served in choose((1 << len(table)) - 1, most)[1]]


def searched(table: Table, most: int) -> list[Choice]:
    """Groups that a beam search finds, see `suggest_groups`; arguments as for `exact`."""
    affinities, number, most = np.array(table), len(table), min(most, len(table))
    moves = np.kron(np.eye(most, dtype=int), 1 << np.arange(number)[:, None])
    beam, before = np.array([[0] * (most - 1) + [(1 << number) - 1]]), np.zeros(0)
    while not np.array_equal(beam, before):
        near = np.concatenate([beam, (beam[:, None] ^ moves).reshape(-1, most)])
        near, before = np.unique(np.sort(near, axis=1), axis=0), beam
        beam = near[np.argsort(-_gets(near, affinities).max(1).sum(1), kind="stable")[:BEAM]]
    gets = _gets(beam[:1], affinities)[0]
    served = [np.flatnonzero(gets.argmax(0) == place) for place in range(most)]
    return [
        (int((1 << own).sum()), int(group), float(gets[place, own].sum()))
        for place, (group, own) in enumerate(zip(beam[0], served, strict=True))
        if len(own)
    ]


def _gets(choices: np.ndarray, affinities: np.ndarray) -> np.ndarray:
    """What tasks get of groups, -inf of those they are not in. Shapes: [choices, groups] and [choices, groups, tasks].

    Args:
        choices: Groups, as bits.
        affinities: Z, its diagonal 0.
    """
    member = choices[..., None] >> np.arange(len(affinities)) & 1
    others = np.maximum(member.sum(-1, keepdims=True) - 1, 1)
    return np.where(member, member @ affinities / others, -np.inf)


def _best_groups(table: Table) -> dict[int, tuple[float, int]]:
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
