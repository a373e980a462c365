"""From rows of one unit to rows of another: the modules behind the graph's table of conversions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from cascade.graph import Unit
from cascade.nn.layout import Layout
from cascade.nn.rows import Rows

Compare = Literal["absolute", "signed"]


class Conversion(nn.Module, ABC):
    """A module from rows of one unit to rows of another.

    Args:
        width: Width of the outgoing states.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def forward(self, states: Tensor, layout: Layout) -> Tensor:
        """Convert.

        Args:
            states: Shape: [rows of the one unit, incoming width].
            layout: The rows of the batch.

        Returns:
            Shape: [rows of the other unit, width].
        """


class Pool(Conversion):
    """Pools the tokens of every text; a text without tokens becomes zeros.

    Args:
        how: `max`, `mean`, `first` or `attention` (a learned query, as in hierarchical attention, Yang et al. 2016).
        width: Width of the states.
    """

    def __init__(self, how: str, width: int) -> None:
        super().__init__(width)
        self.how = how
        self.query = nn.Linear(width, 1, bias=False) if how == "attention" else None

    def forward(self, states: Tensor, layout: Layout) -> Tensor:
        """Pool; shapes: [tokens, width] to [texts, width]."""
        return self.pool(states, layout.rows["token"])

    def pool(self, states: Tensor, rows: Rows) -> Tensor:
        """Pool groups of rows.

        Args:
            states: Shape: [rows, width].
            rows: Grouped by what they are pooled to.

        Returns:
            Shape: [parents of the rows, width].
        """
        if len(rows) == 0:
            return states.new_zeros(rows.size, self.width)
        pooled = self._pool(states, rows)
        filled = rows.parent[rows.position == 0]
        return pooled.new_zeros(rows.size, self.width).index_copy(0, filled, pooled)

    def _pool(self, states: Tensor, rows: Rows) -> Tensor:
        if self.how == "first":
            return states[rows.position == 0]
        if self.how == "max":
            return rows.pad(states, float("-inf")).amax(1)
        if self.query is None:
            return rows.pad(states).sum(1) / rows.lengths[:, None]
        weights = rows.pad(self.query(states).float(), float("-inf")).softmax(1)
        return (weights * rows.pad(states)).sum(1)


class SpanPool(Pool):
    """Pools the tokens of every span."""

    def forward(self, states: Tensor, layout: Layout) -> Tensor:
        """Pool; shapes: [tokens, width] to [spans, width]."""
        first, last = layout.spans.unbind(1)
        lengths = last - first + 1
        parent = torch.repeat_interleave(torch.arange(len(lengths), device=states.device), lengths)
        place = torch.arange(len(parent), device=states.device) - (lengths.cumsum(0) - lengths)[parent]
        alive = torch.ones_like(parent, dtype=torch.bool)
        return self.pool(states[first[parent] + place], Rows(parent=parent, alive=alive, size=len(lengths)))


class Comparison(Conversion):
    """Pools both texts of every pair and compares them (Tai et al. 2015, equation 15; JMT, sections 2.5 and 2.6).

    Args:
        how: As in `Pool`.
        width: Width of the states.
        compare: `absolute` gives [|a - b|; a * b], `signed` gives [a - b; a * b].
    """

    def __init__(self, how: str, width: int, *, compare: Compare = "absolute") -> None:
        super().__init__(2 * width)
        self.pool, self.compare = Pool(how, width), compare

    def forward(self, states: Tensor, layout: Layout) -> Tensor:
        """Compare; shapes: [tokens, width] to [pairs, 2 * width]."""
        first, second = self.pool(states, layout)[layout.pairs].unbind(1)
        difference = first - second
        return torch.cat([difference.abs() if self.compare == "absolute" else difference, first * second], dim=-1)


class Broadcast(Conversion):
    """Gives every token, or every span, the state of its text.

    Args:
        width: Width of the states.
        unit: Unit of the outgoing rows.
    """

    def __init__(self, width: int, unit: Unit) -> None:
        super().__init__(width)
        self.unit = unit

    def forward(self, states: Tensor, layout: Layout) -> Tensor:
        """Broadcast; shapes: [texts, width] to [rows of the unit, width]."""
        return states[layout.rows[self.unit].parent]


def conversion(target: Unit, how: str, width: int, compare: Compare = "absolute") -> Conversion:
    """The module for an entry of `cascade.graph.CONVERSIONS` whose units a batch has.

    Args:
        target: Unit of the outgoing rows.
        how: The conversion's name.
        width: Width of the incoming states.
        compare: How pairs are compared.
    """
    if how == "broadcast":
        return Broadcast(width, target)
    if target == "span":
        return SpanPool(how, width)
    return Comparison(how, width, compare=compare) if target == "pair" else Pool(how, width)
