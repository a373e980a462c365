"""The rows of a batch by unit, and what `Candidates` edges have left of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from cascade.graph import Unit
from cascade.nn.rows import Rows

PARENTS: Mapping[Unit, Unit] = {"token": "text"}
"""The unit of a row's parent; other rows belong to a Doc."""


@dataclass(frozen=True)
class Layout:
    """The rows of a batch.

    Args:
        rows: Rows by unit.
        pairs: The two text rows of every pair. Shape: [pairs, 2].
        added: Scores of the candidates kept so far, by unit. Shape of each: [rows of the unit].
    """

    rows: Mapping[Unit, Rows]
    pairs: Tensor
    added: Mapping[Unit, Tensor] = field(default_factory=dict)

    def scores(self, unit: Unit) -> Tensor:
        """Candidate scores of the rows of a unit, taken from their parents where those were the candidates."""
        if unit in self.added:
            return self.added[unit]
        parent = PARENTS.get(unit)
        if parent is None:
            return torch.zeros(len(self.rows[unit]), device=self.pairs.device)
        return self.scores(parent)[self.rows[unit].parent]

    def prune(self, unit: Unit, scores: Tensor, k: int, forced: Tensor | None = None) -> Layout:
        """Keep the k best rows of every parent and what lies below them.

        Args:
            unit: Unit of the candidates.
            scores: Their scores, handed on with their gradient. Shape: [rows].
            k: Rows kept per parent.
            forced: Rows kept whatever their score. Shape: [rows], bool.
        """
        rows = self.rows[unit]
        ranked = scores.detach().masked_fill(~rows.alive, float("-inf"))
        if forced is not None:
            ranked = ranked.masked_fill(forced & rows.alive, float("inf"))
        alive = rows.alive & (_rank(ranked, rows) < k)
        changed = {**self.rows, unit: replace(rows, alive=alive)}
        for below, parent in PARENTS.items():
            if parent == unit:
                changed[below] = replace(self.rows[below], alive=alive[self.rows[below].parent])
        return replace(self, rows=changed, added={**self.added, unit: self.scores(unit) + scores})


def _rank(scores: Tensor, rows: Rows) -> Tensor:
    """Place of every row among those of its parent, best first. Shape: [rows]."""
    if len(rows) == 0:
        return scores.long()
    order = rows.pad(scores, float("-inf")).argsort(dim=1, descending=True, stable=True)
    return rows.flatten(order.argsort(dim=1))
