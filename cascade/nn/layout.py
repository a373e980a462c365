"""The rows of a batch by unit, the spans that tasks propose, and what `Candidates` edges have left of them."""

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
        spans: First and last token row of every span; none until a task has proposed some. Shape: [spans, 2].
        prior: What a search said of the texts before any task did, from 0 to 1; None without one. Shape: [texts].
        added: Unit and scores of the candidates, by the task that has scored them. Shape of each: [rows of the unit].
    """

    rows: Mapping[Unit, Rows]
    pairs: Tensor
    spans: Tensor
    prior: Tensor | None = None
    added: Mapping[str, tuple[Unit, Tensor]] = field(default_factory=dict)

    @property
    def places(self) -> Tensor:
        """Where spans stand: number of the text in its Doc, first and last token in the text. Shape: [spans, 3]."""
        text, token = self.rows["text"], self.rows["token"]
        return torch.cat([text.position[self.rows["span"].parent][:, None], token.position[self.spans]], dim=1)

    def scores(self, unit: Unit) -> Tensor:
        """Sum of the candidate scores of the rows of a unit and of the rows above them. Shape: [rows of the unit]."""
        own = [scores for scored, scores in self.added.values() if scored == unit]
        total = sum(own, torch.zeros(len(self.rows[unit]), device=self.pairs.device))
        return total + self.scores(PARENTS[unit])[self.rows[unit].parent] if unit in PARENTS else total

    def meet(self, other: Layout) -> Layout:
        """The rows that two layouts of a batch both have left, with the scores of both.

        At most one task upstream of another proposes spans, so of two layouts with spans both have the same.
        """
        own, spans = dict(self.rows), self.spans if len(self.spans) else other.spans
        if not len(self.spans):
            own["span"] = other.rows["span"]
        both = {u: r for u, r in other.rows.items() if u != "span" or len(r) == len(own["span"])}
        rows = {u: replace(r, alive=r.alive & both[u].alive) if u in both else r for u, r in own.items()}
        if "span" in rows:
            below = rows["span"]
            rows["span"] = replace(below, alive=below.alive & rows["text"].alive[below.parent])
        return replace(self, rows=rows, spans=spans, added={**self.added, **other.added})

    def propose(self, spans: Tensor) -> Layout:
        """The same with spans, in the order of their texts.

        Args:
            spans: First and last token row of each; both of one text. Shape: [spans, 2].
        """
        parent = self.rows["token"].parent[spans[:, 0]]
        alive = torch.ones(len(spans), dtype=torch.bool, device=spans.device)
        rows = Rows(parent=parent, alive=alive, size=len(self.rows["text"]))
        return replace(self, rows={**self.rows, "span": rows}, spans=spans)

    def prune(
        self, task: str, unit: Unit, scores: Tensor, k: int, forced: Tensor | None = None, order: Tensor | None = None
    ) -> Layout:
        """Keep the k best rows of every parent and what lies below them.

        Args:
            task: Name of the task that has scored the rows.
            unit: Unit of the candidates.
            scores: Their scores, handed on with their gradient. Shape: [rows].
            order: Scores that tell which are best; the same when None. Shape: [rows].
            k: Rows kept per parent.
            forced: Rows kept before all others. Shape: [rows], bool.
        """
        rows = self.rows[unit]
        ranked = (scores if order is None else order).detach().masked_fill(~rows.alive, float("-inf"))
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
