"""Several rankings joined into one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

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
    if len(weights) != len(rankings) or min(weights, default=0) < 0:
        raise ConfigError(f"expected {len(rankings)} weights of 0 or more, one for each ranking, got {list(weights)}")
    scores: dict[str, float] = defaultdict(float)
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, id in enumerate(ranking, start=1):
            scores[id] += weight / (constant + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
