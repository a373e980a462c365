"""A reader: where in a text an answer begins and ends, whether there is one at all, and the best spans."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from cascade.nn.conversions import Pool
from cascade.nn.decoders.base import Decoder
from cascade.nn.rows import Rows

Overlap = Literal["same_boundary", "any", "none"]
"""Which spans a better one strikes out: those with the same first or last token, those with any token in common, or
no other than itself (RE3QA's span-level non-maximum suppression; its `em`, `f1` and `none`)."""


class SpanReader(Decoder):
    """Two scores a token, two a text for "no answer here", and the spans that they rank highest.

    Hu et al. 2019 (ACL), sections 3.2 and 3.3, with a null score pooled from the text in place of that of [CLS].

    Args:
        width: Width of the incoming states.
        longest: Tokens of the longest span.
        beam: First tokens, and last tokens, that are combined.
        spans: Spans that are proposed in each text.
        overlap: See `Overlap`.
        dropout: Share of the inputs dropped in training.
    """

    def __init__(self, width: int, *, longest: int, beam: int, spans: int, overlap: Overlap, dropout: float) -> None:
        super().__init__()
        self.hidden_width = 2 * width
        self.longest, self.beam, self.spans, self.overlap = longest, beam, spans, overlap
        self.dropout = nn.Dropout(dropout)
        self.ends = nn.Linear(width, 2)
        self.pool = Pool("attention", width)
        self.null = nn.Linear(width, 2)

    def forward(self, states: Tensor, rows: Rows, known: Tensor | None = None) -> dict[str, Tensor]:
        """Score tokens, and propose spans.

        Args:
            states: Shape: [tokens, width].
            rows: The tokens, grouped by text.
            known: Spans that are proposed in any case, in the order of their texts. Shape: [known spans, 2].

        Returns:
            `start` and `end`, shape [tokens]; `null`, the scores of no first and no last token, shape [texts, 2];
            `spans`, the first and last token row of every span, in the order of the texts and the best of a text first,
            shape [spans, 2]; `hidden`, the states of these two tokens, shape [spans, hidden_width].
        """
        states = self.dropout(states)
        start, end = self.ends(states).unbind(-1)
        null = self.null(self.pool.pool(states, rows))
        spans = self._propose(start.detach().float(), end.detach().float(), rows)
        if known is not None and len(known):
            spans = _merged(known, spans, rows)
        hidden = states[spans].flatten(1)
        return {"start": start, "end": end, "null": null, "spans": spans, "hidden": hidden}

    def _propose(self, start: Tensor, end: Tensor, rows: Rows) -> Tensor:
        """The best spans of texts that are alive. Shape: [spans, 2]."""
        if len(rows) == 0 or not rows.alive.any():
            return torch.zeros(0, 2, dtype=torch.long, device=start.device)
        best = min(self.beam, rows.longest)
        lowest = float("-inf")
        starts, first = rows.pad(start.masked_fill(~rows.alive, lowest), lowest).topk(best, dim=1)
        ends, last = rows.pad(end.masked_fill(~rows.alive, lowest), lowest).topk(best, dim=1)
        scores = starts[:, :, None] + ends[:, None, :]
        length = last[:, None, :] - first[:, :, None]
        scores = scores.masked_fill((length < 0) | (length >= self.longest), lowest).flatten(1)
        first = first[:, :, None].expand(-1, -1, best).flatten(1)
        last = last[:, None, :].expand(-1, best, -1).flatten(1)
        chosen, found = self._suppress(scores, first, last)
        spans = torch.stack([first.gather(1, chosen), last.gather(1, chosen)], dim=-1) + rows.first[:, None, None]
        return spans[found]

    def _suppress(self, scores: Tensor, first: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """The best spans one after another, each striking out others; shapes [texts, spans], the second bool."""
        chosen, found = [], []
        for _ in range(self.spans):
            value, place = scores.max(1, keepdim=True)
            a, b = first.gather(1, place), last.gather(1, place)
            if self.overlap == "any":
                struck = (first <= b) & (last >= a)
            elif self.overlap == "same_boundary":
                struck = (first == a) | (last == b)
            else:
                struck = (first == a) & (last == b)
            scores = scores.masked_fill(struck, float("-inf"))
            chosen.append(place)
            found.append(value.isfinite())
        return torch.cat(chosen, dim=1), torch.cat(found, dim=1)


def _merged(known: Tensor, spans: Tensor, rows: Rows) -> Tensor:
    """Known spans and the proposed ones that are not among them, by text."""
    new = ~(spans[:, None] == known[None]).all(-1).any(1)
    both = torch.cat([known, spans[new]])
    return both[rows.parent[both[:, 0]].argsort(stable=True)]


class SpanScorer(Decoder):
    """One score a span (Hu et al. 2019, section 3.3): a hidden layer with tanh, and a linear one.

    Args:
        width: Width of the incoming states.
        hidden: Width of the hidden layer.
        dropout: Share of inputs and hidden values dropped in training.
    """

    def __init__(self, width: int, *, hidden: int, dropout: float) -> None:
        super().__init__()
        self.hidden_width = hidden
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(width, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, states: Tensor, rows: Rows) -> dict[str, Tensor]:
        """Score spans; `score` has the shape [spans]."""
        hidden = self.hidden(self.dropout(states)).tanh()
        return {"hidden": hidden, "score": self.output(self.dropout(hidden)).squeeze(-1)}
