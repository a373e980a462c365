"""What a run has seen so far, for the methods that go by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class History:
    """Losses and scores of a run up to now; a resumed run has the same as one that was not interrupted.

    Args:
        epoch: Epoch, from 0.
        epochs: Epochs at most.
        losses: Mean loss by task for every epoch that has ended; a task that was not trained in it is absent.
        scores: Main score by task, from 0 to 1, for every evaluation.
    """

    epoch: int = 0
    epochs: int = 1
    losses: Sequence[Mapping[str, float]] = ()
    scores: Sequence[Mapping[str, float]] = ()
