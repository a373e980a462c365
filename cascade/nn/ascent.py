"""The encoder's way up: no layer is computed twice for a text, and none for texts that nobody needs any more."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from cascade.nn.encoders.base import Encoder, Features, State
from cascade.nn.rows import Rows


class Ascent:
    """Climbs as far as the nodes ask, with the texts that they ask for.

    The texts of the batch are kept in parts, every text in one of them. A part climbs as a whole; it is split where
    only some of its texts have to go on.

    Args:
        encoder: The encoder.
        features: Of the batch.
        rows: All token rows.
        common: The highest layer that some node needs for all texts; up to there nothing is split.
        condition: The task for whose condition all layers are computed, one of the encoder's; None for the parameters
            that all tasks share.
    """

    def __init__(
        self, encoder: Encoder, features: Features, rows: Rows, common: int, *, condition: str | None = None
    ) -> None:
        self.encoder, self.common = encoder, common
        self.parts: list[State] = encoder.portions(replace(encoder.embed(features, rows), condition=condition))

    def climb(self, layer: int, alive: Tensor) -> None:
        """Reach a layer.

        Args:
            layer: The layer.
            alive: Token rows for which it is needed; texts go on as a whole. Shape: [tokens], bool.
        """
        self.parts = [after for part in self.parts for after in self._climb(part, layer, alive)]

    def read(self, layer: int) -> Tensor:
        """States of a layer that has been reached, zero where it was not needed. Shape: [tokens, width]."""
        made = {id(part.layers[layer][0]): part.layers[layer] for part in self.parts if len(part.layers) > layer}
        total, (first, _) = self.parts[0].total, self.parts[0].layers[0]
        if not made:
            return first.new_zeros(total, self.encoder.widths[layer])
        places = [torch.arange(total, device=first.device) if index is None else index for _, index in made.values()]
        states = torch.cat([states for states, _ in made.values()])
        return states.new_zeros(total, states.shape[1]).index_copy(0, torch.cat(places), states)

    def _climb(self, part: State, layer: int, alive: Tensor) -> list[State]:
        part = self.encoder.advance(part, min(layer, self.common))
        if len(part.layers) > layer:
            return [part]
        keep = _whole_texts(alive if part.index is None else alive[part.index], part.rows)
        if keep.all():
            return [self.encoder.advance(part, layer)]
        if not keep.any():
            return [part]
        return [self.encoder.advance(self.encoder.narrow(part, keep), layer), self.encoder.narrow(part, ~keep)]


def _whole_texts(alive: Tensor, rows: Rows) -> Tensor:
    """Rows whose text has a row that is alive. Shape: [rows], bool."""
    texts = torch.zeros(rows.size, dtype=torch.bool, device=alive.device)
    texts[rows.parent[alive]] = True
    return texts[rows.parent]
