"""Flat rows and the padded form that recurrent layers and structured decoders work on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

MISSING = -1_000_000
"""What stands in targets where a Doc has no gold; also the `ignore_index` of every loss."""

SHORT = 4
"""Groups of up to so many rows are laid out together."""

STRETCH = 1.5
"""How much longer the longest group of a grid may be than its shortest."""


@dataclass(frozen=True)
class Grid:
    """Groups of like length, side by side.

    Args:
        groups: Their numbers. Shape: [groups of the grid].
        cells: Which row stands at each place of each group; a shorter group repeats its last row. Shape: [groups of the
            grid, longest of them].
    """

    groups: Tensor
    cells: Tensor


@dataclass(frozen=True)
class Steps:
    """Rows in the order in which chains of all groups take them, one row of every group that has one at a time.

    Args:
        order: The rows by their position in the group; at one position, those of the longest group first. Shape: [n].
        inverse: Where each row stands in `order`. Shape: [n].
        sizes: Rows at each position, never more than at the one before.
    """

    order: Tensor
    inverse: Tensor
    sizes: list[int]

    def split(self, values: Tensor) -> tuple[Tensor, ...]:
        """Flat values by position. Shapes: [n, ...] to [rows at the position, ...] each."""
        return torch.split(values.index_select(0, self.order), self.sizes)

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """Undo `split`."""
        return torch.cat(list(parts)).index_select(0, self.inverse)


@dataclass(frozen=True)
class Rows:
    """Rows of one unit, each with the row it belongs to.

    Args:
        parent: Parent row of each row, non-decreasing. Shape: [n], int64.
        alive: Rows that no `Candidates` edge has pruned. Shape: [n], bool.
        size: Number of parent rows; some may have no row here.
    """

    parent: Tensor
    alive: Tensor
    size: int

    def __len__(self) -> int:
        return len(self.parent)

    @cached_property
    def _groups(self) -> tuple[Tensor, Tensor, Tensor]:
        _, group, lengths = torch.unique_consecutive(self.parent, return_inverse=True, return_counts=True)
        starts = lengths.cumsum(0) - lengths
        position = torch.arange(len(self.parent), device=self.parent.device) - starts[group]
        return group, lengths, position

    @property
    def group(self) -> Tensor:
        """Number of each row's group, counting only parents that have rows. Shape: [n]."""
        return self._groups[0]

    @property
    def lengths(self) -> Tensor:
        """Rows per group, all positive. Shape: [groups]."""
        return self._groups[1]

    @property
    def position(self) -> Tensor:
        """Place of each row in its group, from 0. Shape: [n]."""
        return self._groups[2]

    @cached_property
    def first(self) -> Tensor:
        """The first row of every group. Shape: [groups]."""
        return self.last - self.lengths + 1

    @cached_property
    def last(self) -> Tensor:
        """The last row of every group. Shape: [groups]."""
        return self.lengths.cumsum(0) - 1

    @cached_property
    def longest(self) -> int:
        """Rows of the longest group; 0 when there are no rows."""
        return int(self.lengths.max()) if len(self) else 0

    @cached_property
    def mask(self) -> Tensor:
        """Which cells of the padded form are rows. Shape: [groups, longest], bool."""
        places = torch.arange(self.longest, device=self.parent.device)
        return places < self.lengths[:, None]

    @cached_property
    def _cells(self) -> Tensor:
        return self.group * self.longest + self.position

    def pad(self, values: Tensor, fill: float = 0.0) -> Tensor:
        """Lay flat rows out by group.

        Args:
            values: Shape: [n, ...].
            fill: Value of the cells that are no rows.

        Returns:
            Shape: [groups, longest, ...].
        """
        cells = values.new_full((len(self.lengths) * self.longest, *values.shape[1:]), fill)
        return cells.index_copy(0, self._cells, values).view(len(self.lengths), self.longest, *values.shape[1:])

    def flatten(self, padded: Tensor) -> Tensor:
        """Undo `pad`.

        Args:
            padded: Shape: [groups, longest, ...].

        Returns:
            Shape: [n, ...].
        """
        return padded.flatten(0, 1).index_select(0, self._cells)

    @cached_property
    def mirror(self) -> Tensor:
        """The row that stands at each row's place when its group is read backwards. Shape: [n]."""
        return (self.first + self.last)[self.group] - torch.arange(len(self), device=self.parent.device)

    @cached_property
    def grids(self) -> list[Grid]:
        """All groups in grids of little padding: a grid's longest group is at most `STRETCH` times its shortest."""
        if not len(self):
            return []
        kinds = ((self.longest / self.lengths.clamp(min=SHORT)).log() / math.log(STRETCH)).long()
        grids = []
        for kind in sorted(set(kinds.tolist())):
            groups = (kinds == kind).nonzero().squeeze(1)
            places = torch.arange(int(self.lengths[groups].max()), device=self.parent.device)
            grids.append(Grid(groups, torch.minimum(self.first[groups, None] + places, self.last[groups, None])))
        return grids

    @cached_property
    def gridded(self) -> Tensor:
        """Where each row stands among the cells of all grids, one grid after another. Shape: [n]."""
        starts = torch.empty_like(self.lengths)
        total = 0
        for grid in self.grids:
            rows, columns = grid.cells.shape
            starts[grid.groups] = total + columns * torch.arange(rows, device=starts.device)
            total += rows * columns
        return starts[self.group] + self.position

    @cached_property
    def steps(self) -> Steps:
        """The rows in the order in which chains take them."""
        ranks = self.lengths.argsort(descending=True).argsort()
        order = (self.position * len(ranks) + ranks[self.group]).argsort()
        return Steps(order=order, inverse=order.argsort(), sizes=self.position.bincount().tolist())

    def only(self, keep: Tensor) -> Rows:
        """Some of the rows.

        Args:
            keep: Shape: [n], bool.
        """
        return Rows(parent=self.parent[keep], alive=self.alive[keep], size=self.size)

    def regroup(self, starts: Tensor) -> Rows:
        """Split every group further where a row starts a new one, as sentences split a text.

        Args:
            starts: Rows that start a group; the first row of a parent always does. Shape: [n], bool.
        """
        first = self.position == 0
        parent = (starts | first).long().cumsum(0) - 1
        return Rows(parent=parent, alive=self.alive, size=int(parent[-1]) + 1 if len(self) else 0)
