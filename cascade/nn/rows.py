"""Flat rows and the padded form that recurrent layers and structured decoders work on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

MISSING = -1_000_000
"""What stands in targets where a Doc has no gold; also the `ignore_index` of every loss."""

SHORT = 8
"""Groups of up to so many rows are padded together."""


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
    def longest(self) -> int:
        """Rows of the longest group; 0 when there are no rows."""
        return int(self.lengths.max()) if len(self) else 0

    @cached_property
    def mask(self) -> Tensor:
        """Which cells of the padded form are rows. Shape: [groups, longest], bool."""
        places = torch.arange(self.longest, device=self.parent.device)
        return places < self.lengths[:, None]

    def pad(self, values: Tensor, fill: float = 0.0) -> Tensor:
        """Lay flat rows out by group.

        Args:
            values: Shape: [n, ...].
            fill: Value of the cells that are no rows.

        Returns:
            Shape: [groups, longest, ...].
        """
        padded = values.new_full((len(self.lengths), self.longest, *values.shape[1:]), fill)
        padded[self.group, self.position] = values
        return padded

    def flatten(self, padded: Tensor) -> Tensor:
        """Undo `pad`.

        Args:
            padded: Shape: [groups, longest, ...].

        Returns:
            Shape: [n, ...].
        """
        return padded[self.group, self.position]

    @cached_property
    def buckets(self) -> list[tuple[Tensor, Rows]]:
        """The rows in parts of groups of like length, each part with the places of its rows here.

        Padding a part at most doubles it (or fills it up to `SHORT` rows a group), however unlike the lengths are.
        """
        if self.longest <= SHORT:
            return [(torch.arange(len(self), device=self.parent.device), self)] if len(self) else []
        octaves = (self.longest / self.lengths.clamp(min=SHORT).float()).log2().floor().long()
        parts = []
        for octave in sorted(set(octaves.tolist())):
            places = (octaves == octave)[self.group].nonzero().squeeze(1)
            parts.append((places, Rows(parent=self.parent[places], alive=self.alive[places], size=self.size)))
        return parts

    def regroup(self, starts: Tensor) -> Rows:
        """Split every group further where a row starts a new one, as sentences split a text.

        Args:
            starts: Rows that start a group; the first row of a parent always does. Shape: [n], bool.
        """
        first = self.position == 0
        parent = (starts | first).long().cumsum(0) - 1
        return Rows(parent=parent, alive=self.alive, size=int(parent[-1]) + 1 if len(self) else 0)
