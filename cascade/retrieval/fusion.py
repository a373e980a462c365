"""Several rankings joined into one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from cascade.errors import ConfigError

CONSTANT = 60
"""What is added to every rank, so that the first places do not decide alone."""


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[str]], *, weights: Sequence[float] | None = None, constant: float = CONSTANT
) -> list[tuple[str, float]]:
    """Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009): the sum over rankings of weight / (constant + rank).

    Args:
        rankings: Ids, the best first, each at most once in a ranking; one that is missing adds nothing.
        weights: One for each ranking; 1 for all when None.
        constant: Flattens the differences between ranks.

    Returns:
        Ids with their scores, the best first; equal ones in the order of their ids.

    Raises:
        ConfigError: There is not one weight for each ranking, or one is negative.
    """
    weights = [1.0] * len(rankings) if weights is None else weights
    _check(weights, len(rankings))
    scores: dict[str, float] = defaultdict(float)
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, id in enumerate(ranking, start=1):
            scores[id] += weight / (constant + rank)
    return _sorted(scores)


def convex_combination(
    rankings: Sequence[Mapping[str, float]], *, weights: Sequence[float], floors: Sequence[float]
) -> list[tuple[str, float]]:
    """The weighted sum of scores, each brought between 0, the lowest that there can be, and 1, the best that there is.

    Bruch, Gai and Ingber 2023, An Analysis of Fusion Functions for Hybrid Retrieval (ACM TOIS 42(1)), where it is
    called TM2C2. Unlike ranks, scores tell a best passage that stands far above the rest from one among many.

    Args:
        rankings: Scores by id; one that is missing adds nothing.
        weights: One for each ranking.
        floors: The lowest score that there can be in each ranking, such as -1 for cosines.

    Returns:
        Ids with their scores, the best first; equal ones in the order of their ids.

    Raises:
        ConfigError: There is not one weight for each ranking, or one is negative.
    """
    _check(weights, len(rankings))
    sums: dict[str, float] = defaultdict(float)
    for scores, weight, floor in zip(rankings, weights, floors, strict=True):
        room = max(scores.values(), default=floor) - floor
        for id, score in scores.items():
            sums[id] += weight * (score - floor) / room if room > 0 else 0.0
    return _sorted(sums)


def _check(weights: Sequence[float], rankings: int) -> None:
    if len(weights) != rankings or min(weights, default=0) < 0:
        raise ConfigError(f"expected {rankings} weights of 0 or more, one for each ranking, got {list(weights)}")


def _sorted(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
