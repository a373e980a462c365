"""Budgets: how many passages are looked at and read when time or computation is short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cascade.errors import ConfigError
from cascade.model import CascadeModel

PIECES = 1.35
"""Word pieces a word, about: English text cut by BERT's vocabulary."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a question may cost.

    Args:
        milliseconds: Time in the encoder, judged by how fast it has been so far.
        flops: Floating-point operations in the encoder.

    Raises:
        ConfigError: Not exactly one of the two is given, or it is not above 0.
    """

    milliseconds: float | None = None
    flops: float | None = None

    def __post_init__(self) -> None:
        given = [limit for limit in (self.milliseconds, self.flops) if limit is not None]
        if len(given) != 1 or not given[0] > 0:
            raise ConfigError(
                f"a budget needs milliseconds= or flops=, above 0, got {self.milliseconds} and {self.flops}"
            )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many passages are looked at, and how many of them are read.

    Args:
        looked_at: Passages that the low layers see.
        read: Those of them that go all the way up.
        flops: What that costs, about.
    """

    looked_at: int
    read: int
    flops: float


class Costs:
    """What passages cost in an encoder, counted in floating-point operations and learnt in time.

    Args:
        model: The model.
        low: Blocks below the stage that prunes; 0 where none does.
        high: Blocks that what is kept goes through in all.
    """

    def __init__(self, model: CascadeModel, *, low: int, high: int) -> None:
        self.low, self.high = low, high
        self.width = model.encoder.widths[0]
        blocks = getattr(model.encoder, "blocks", [])
        per_block = [sum(p.numel() for p in block.parameters()) for block in blocks]
        self.weights: float = sum(per_block) / max(1, len(per_block))
        self.rate = 5e10  # operations a second, until it has been measured

    def flops(self, words: int, blocks: int) -> float:
        """Operations for a window of so many words in so many blocks: its weights, and attention between its pieces."""
        pieces = PIECES * words
        return float(blocks) * (2 * self.weights * pieces + 4 * self.width * pieces * pieces)

    def of(self, sizes: Sequence[int], read: int) -> float:
        """Operations for passages of which some are read, the longest as it may be.

        Args:
            sizes: Words of every passage, with the question.
            read: How many are read.
        """
        kept = sorted(sizes, reverse=True)[:read]
        return sum(self.flops(n, self.low) for n in sizes) + sum(self.flops(n, self.high - self.low) for n in kept)

    def plan(self, sizes: Sequence[int], read: int, budget: Budget | None) -> Plan:
        """How many passages fit.

        At least one passage is read, however small the budget. Reading one more is worth more than looking at many
        more: half of the budget at most goes to the low layers.

        Args:
            sizes: Words of every passage, with the question, in the order in which they were found.
            read: How many are read without a budget.
            budget: What there is; all passages are looked at when None.
        """
        if budget is None or not sizes:
            return Plan(looked_at=len(sizes), read=min(read, len(sizes)), flops=self.of(sizes, read))
        limit = budget.flops if budget.flops is not None else (budget.milliseconds or 0) / 1000 * self.rate
        looked_at = 1
        while looked_at < len(sizes) and self.of(sizes[: looked_at + 1], 0) <= limit / 2:
            looked_at += 1
        kept = 1
        while kept < min(read, looked_at) and self.of(sizes[:looked_at], kept + 1) <= limit:
            kept += 1
        while looked_at < len(sizes) and self.of(sizes[: looked_at + 1], kept) <= limit:  # what reading has left over
            looked_at += 1
        looked_at = looked_at if self.low else kept  # where nothing prunes, whatever is looked at is read
        return Plan(looked_at=looked_at, read=kept, flops=self.of(sizes[:looked_at], kept))

    def learn(self, flops: float, seconds: float) -> None:
        """Take a measured pass into account."""
        if flops > 0 and seconds > 0:
            self.rate += 0.3 * (flops / seconds - self.rate)
