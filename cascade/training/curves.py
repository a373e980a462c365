"""Learning-rate curves: by which factor the rate is multiplied, and when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


class Curve(Protocol):
    """What an optimizer's specification asks of a curve."""

    def factor(self, epoch: int, progress: float) -> float:
        """The factor of a step.

        Args:
            epoch: Epoch, from 0.
            progress: Share of the whole training that lies behind, from 0 to 1.
        """


@dataclass(frozen=True)
class Constant:
    """1, always."""

    def factor(self, epoch: int, progress: float) -> float:
        """1."""
        return 1.0


@dataclass(frozen=True)
class Inverse:
    """1 / (1 + decay * epoch), which falls from epoch to epoch (Hashimoto et al. 2017, section 5.2).

    Args:
        decay: How fast it falls; 0.3 in the paper.
    """

    decay: float = 0.3

    def factor(self, epoch: int, progress: float) -> float:
        """1 / (1 + decay * epoch)."""
        return 1.0 / (1.0 + self.decay * epoch)


@dataclass(frozen=True)
class WarmupLinear:
    """Rises linearly from 0 to 1, then falls linearly to 0 at the end of training.

    Args:
        warmup: Share of the training in which it rises.
    """

    warmup: float = 0.1

    def factor(self, epoch: int, progress: float) -> float:
        """Up, then down."""
        risen, past = _phases(progress, self.warmup)
        return risen * (1.0 - past)


@dataclass(frozen=True)
class WarmupCosine:
    """Rises linearly from 0 to 1, then falls to 0 along half a cosine (Loshchilov and Hutter 2017, equation 5).

    Args:
        warmup: Share of the training in which it rises.
    """

    warmup: float = 0.1

    def factor(self, epoch: int, progress: float) -> float:
        """Up, then down."""
        risen, past = _phases(progress, self.warmup)
        return risen * 0.5 * (1.0 + math.cos(math.pi * past))


def _phases(progress: float, warmup: float) -> tuple[float, float]:
    """Which share of the rise lies behind, and which of the fall that follows it."""
    if progress < warmup:
        return progress / warmup, 0.0
    return 1.0, (progress - warmup) / (1.0 - warmup) if warmup < 1.0 else 0.0
