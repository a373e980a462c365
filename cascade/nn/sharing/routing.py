"""Selective dropout: each task uses a fixed part of the shared layers' units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cascade.nn.sharing.base import Conditioner, Conditioning, parameter

if TYPE_CHECKING:
    from cascade.nn.encoders.pretrained import Pretrained


@dataclass(frozen=True, kw_only=True)
class SelectiveDropout(Conditioning):
    """Selective dropout: a fixed random mask of each task's own over shared units (Strezoski et al. 2019, section 3).

    The hidden units u of every feed-forward layer become u * m_t / share, with a mask m_t of zeros and ones that is
    drawn once, from the task's name and a seed, so that two tasks have but a part of the units in common. The paper
    masks the channels of convolutions, and does not divide; here the sum over the units keeps its size, as in dropout,
    which lets blocks that have been pretrained without masks begin near to where they were.

    Args:
        tasks: See `Conditioning`. Tasks that are not named use all units.
        train_body: See `Conditioning`. Tasks have no parameters of their own here.
        share: Share of the units that a task uses.
        seed: For other masks.

    Raises:
        GraphError: See `Conditioning`.
    """

    train_body: bool = True
    share: float = 0.5
    seed: int = 0

    def _problems(self) -> list[str]:
        if 0 < self.share <= 1:
            return []
        return [f"SelectiveDropout: share has to be above 0 and at most 1, got share={self.share}"]

    def build(self, parts: Pretrained) -> Masks:
        """Make the module; see `Conditioning.build`."""
        name = f"{parts.family.feedforward}.weight"
        units = parameter(parts.blocks[0], name).shape[1]
        kept = max(1, round(self.share * units))
        masks = torch.stack([self._masks(task, len(parts.blocks), units, kept) for task in self.tasks])
        return Masks(self.tasks, masks, name)

    def _masks(self, task: str, blocks: int, units: int, kept: int) -> Tensor:
        """A task's masks, the same whatever else is random and whatever other tasks there are. [blocks, units]."""
        seed = int.from_bytes(sha256(f"{self.seed} {task}".encode()).digest()[:8], "big", signed=True)
        generator = torch.Generator().manual_seed(seed)
        order = torch.stack([torch.randperm(units, generator=generator) for _ in range(blocks)])
        return order < kept


class Masks(Conditioner):
    """The masks of all tasks; a saved model has them, so that no other generator draws them anew.

    Args:
        tasks: Their names.
        masks: Which units a task uses. Shape: [tasks, blocks, units], bool.
        name: Of the weight that reads the units.
    """

    masks: Tensor

    def __init__(self, tasks: Sequence[str], masks: Tensor, name: str) -> None:
        super().__init__()
        self.numbers = {task: number for number, task in enumerate(tasks)}
        self.name = name
        self.register_buffer("masks", masks)

    def weights(self, number: int, block: nn.Module, condition: str) -> Mapping[str, Tensor]:
        """The weight that reads the units, zero where they are dropped; see `Conditioner.weights`."""
        mask = self.masks[self.numbers[condition], number]
        return {self.name: parameter(block, self.name) * (mask / mask.float().mean())}
