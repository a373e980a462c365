"""LoRA for each task: low-rank updates of its own to the attention's linear layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from cascade.graph import out_of_range
from cascade.nn.sharing.base import Conditioner, Conditioning, parameter

if TYPE_CHECKING:
    from cascade.nn.encoders.pretrained import Pretrained


@dataclass(frozen=True, kw_only=True)
class LowRank(Conditioning):
    """LoRA per task: low-rank updates of its own to the attention's linear layers (Hu et al. 2022, section 4.1).

    W becomes W + alpha / rank B A. B begins as 0, so that a new update changes nothing. The sum is formed before it is
    applied, which at prediction costs next to nothing; `LoRA` is one such update that all tasks share.

    Args:
        tasks: See `Conditioning`.
        train_body: See `Conditioning`.
        rank: Rank of each update.
        alpha: Each update is scaled by alpha / rank.

    Raises:
        GraphError: See `Conditioning`.
    """

    rank: int = 8
    alpha: float = 16.0

    def _problems(self) -> list[str]:
        return out_of_range("LowRank", self, sizes=("rank",))

    def build(self, parts: Pretrained) -> Updates:
        """Make the module; see `Conditioning.build`."""
        blocks = [list(_linears(block, parts.family.attention)) for block in parts.blocks]
        names = [[f"{name}.weight" for name, _ in block] for block in blocks]
        updates = {
            task: nn.ModuleList(
                nn.ModuleList(Update(linear.in_features, linear.out_features, self.rank) for _, linear in block)
                for block in blocks
            )
            for task in self.tasks
        }
        return Updates(names, updates, self.alpha / self.rank)


class Update(nn.Module):
    """One update, B A.

    Args:
        inputs: Width of the layer's inputs.
        outputs: Width of its outputs.
        rank: Rank of the update.
    """

    def __init__(self, inputs: int, outputs: int, rank: int) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.empty(rank, inputs))
        self.b = nn.Parameter(torch.zeros(outputs, rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self) -> Tensor:
        """B A. Shape: [outputs, inputs]."""
        return self.b @ self.a


class Updates(Conditioner):
    """The updates of all tasks.

    Args:
        names: Of the weights that are updated, for every block.
        updates: By task; for every block one for every weight.
        scale: What updates are multiplied with.
    """

    def __init__(self, names: Sequence[Sequence[str]], updates: dict[str, nn.ModuleList], scale: float) -> None:
        super().__init__()
        self.names, self.scale = names, scale
        self.updates = nn.ModuleDict(updates)

    def weights(self, number: int, block: nn.Module, condition: str) -> Mapping[str, Tensor]:
        """The attention's weights with their updates; see `Conditioner.weights`."""
        updates = cast(nn.ModuleList, cast(nn.ModuleList, self.updates[condition])[number])
        return {
            name: parameter(block, name) + self.scale * update()
            for name, update in zip(self.names[number], updates, strict=True)
        }


def _linears(block: nn.Module, ends: Sequence[str]) -> Iterator[tuple[str, nn.Linear]]:
    """A block's linear layers whose names end in one of some ways."""
    for name, module in block.named_modules():
        if isinstance(module, nn.Linear) and f".{name}".endswith(tuple(f".{end}" for end in ends)):
            yield name, module
