"""The rows of a batch by unit, and what `Candidates` edges have left of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from cascade.graph import PARENTS, Unit
from cascade.nn.rows import Rows


@dataclass(frozen=True)
class Layout:
    """The rows of a batch.

    Args:
        rows: Rows by unit.
        pairs: The two text rows of every pair. Shape: [pairs, 2].
        added: Unit and scores of the candidates, by the task that has scored them. Shape of each: [rows of the unit].
    """

    rows: Mapping[Unit, Rows]
    pairs: Tensor
    added: Mapping[str, tuple[Unit, Tensor]] = field(default_factory=dict)

    def scores(self, unit: Unit) -> Tensor:
        """Sum of the candidate scores of the rows of a unit and of the rows above them. Shape: [rows of the unit]."""
        own = [scores for scored, scores in self.added.values() if scored == unit]
        total = sum(own, torch.zeros(len(self.rows[unit]), device=self.pairs.device))
        return total + self.scores(PARENTS[unit])[self.rows[unit].parent] if unit in PARENTS else total

    def meet(self, other: Layout) -> Layout:
        """The rows that two layouts of a batch both have left, with the scores of both."""
        rows = {unit: replace(own, alive=own.alive & other.rows[unit].alive) for unit, own in self.rows.items()}
        return replace(self, rows=rows, added={**self.added, **other.added})

    def prune(self, task: str, unit: Unit, scores: Tensor, k: int, forced: Tensor | None = None) -> Layout:
        """Keep the k best rows of every parent and what lies below them.

        Args:
            task: Name of the task that has scored the rows.
            unit: Unit of the candidates.
            scores: Their scores, handed on with their gradient. Shape: [rows].
            k: Rows kept per parent.
            forced: Rows kept before all others. Shape: [rows], bool.
        """
        rows = self.rows[unit]
        ranked = scores.detach().masked_fill(~rows.alive, float("-inf"))
        if forced is not None:
            ranked = ranked.masked_fill(forced & rows.alive, float("inf"))
        alive = {unit: rows.alive & (_rank(ranked, rows) < k)}
        for below in (child for child, parent in PARENTS.items() if parent == unit):
            alive[below] = self.rows[below].alive & alive[unit][self.rows[below].parent]
        if unit == "text":
            alive["pair"] = self.rows["pair"].alive & alive["text"][self.pairs].all(1)
        changed = {u: replace(self.rows[u], alive=left) for u, left in alive.items()}
        return replace(self, rows={**self.rows, **changed}, added={**self.added, task: (unit, scores)})


def _rank(scores: Tensor, rows: Rows) -> Tensor:
    """Place of every row among those of its parent, best first; of equals, the first. Shape: [rows]."""
    if len(rows) == 0:
        return scores.long()
    order = rows.pad(scores, float("-inf")).argsort(dim=1, descending=True, stable=True)
    return rows.flatten(order.argsort(dim=1))
