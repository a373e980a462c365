"""Rankings that come out the same whatever the order in which an index was built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

_SPARE = 16


class Ranked(NamedTuple):
    """A passage in a ranking."""

    id: str
    row: int
    score: float


def ranked(
    search: Callable[[int], Sequence[tuple[int, float]]],
    ids: Callable[[Sequence[int]], Mapping[int, str]],
    limit: int,
    *,
    digits: int,
) -> list[Ranked]:
    """The best passages; equal scores in the order of ids.

    Args:
        search: The best rows and their scores, so many of them, the best first.
        ids: The ids of rows, without those of rows that are deleted.
        limit: How many passages at most.
        digits: Decimals to which scores are rounded: the last bits depend on the order of summation.
    """
    fetched = limit + _SPARE
    while True:
        found = search(fetched)
        known = ids([row for row, _ in found])
        alive = [Ranked(known[row], row, round(score, digits)) for row, score in found if row in known]
        # What is equal to the last one within the limit may continue beyond what was fetched.
        if len(found) < fetched or (len(alive) > limit and alive[limit - 1].score > alive[-1].score):
            return sorted(alive, key=lambda passage: (-passage.score, passage.id))[:limit]
        fetched *= 4
