"""The encoder's way up: no layer is computed twice for a text, and none for texts that nobody needs any more."""

from __future__ import annotations

from torch import Tensor

from cascade.nn.encoders.base import Encoder, Features, State
from cascade.nn.rows import Rows

Pruning = frozenset[tuple[str, int]]
"""The `Candidates` edges that a node lies behind, as (upstream name, k)."""


class Ascent:
    """Hands every node an encoder state that is high enough and covers its rows.

    Args:
        encoder: The encoder.
        features: Of the batch.
        rows: All token rows.
        common: The highest layer that some node needs for all texts; up to there nothing is pruned.
    """

    def __init__(self, encoder: Encoder, features: Features, rows: Rows, common: int) -> None:
        self.encoder, self.common = encoder, common
        self.states: dict[Pruning, State] = {frozenset(): encoder.embed(features, rows)}

    def climb(self, layer: int, pruning: Pruning, alive: Tensor) -> State:
        """The state for a node.

        Args:
            layer: The highest layer that it reads.
            pruning: What has pruned its rows.
            alive: Token rows that are left to it. Shape: [tokens], bool.
        """
        if layer <= self.common:
            pruning = frozenset()
        if pruning not in self.states:
            self.states[pruning] = self._fork(pruning, alive)
        self.states[pruning] = self.encoder.advance(self.states[pruning], layer)
        return self.states[pruning]

    def _fork(self, pruning: Pruning, alive: Tensor) -> State:
        nearest = max((known for known in self.states if known <= pruning), key=len)
        if not nearest:
            self.states[nearest] = self.encoder.advance(self.states[nearest], self.common)
        state = self.states[nearest]
        return self.encoder.narrow(state, alive if state.index is None else alive[state.index])
