"""Layer normalization that is conditioned on the task, and all else shared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from cascade.nn.sharing.base import Conditioner, Conditioning, parameter

if TYPE_CHECKING:
    from cascade.nn.encoders.pretrained import Pretrained


@dataclass(frozen=True, kw_only=True)
class ConditionalNorm(Conditioning):
    """Task-conditioned layer normalization: each task has its own scales and shifts (Mahabadi et al. 2021, equation 2).

    LN(h) = gamma_t * (h - mean) / deviation + beta_t in every layer normalization of the blocks, where gamma_t and
    beta_t are parameters of the task t, not generated as in the paper; they begin as the pretrained ones.

    Args:
        tasks: See `Conditioning`.
        train_body: See `Conditioning`.

    Raises:
        GraphError: See `Conditioning`.
    """

    def build(self, parts: Pretrained) -> Norms:
        """Make the module; see `Conditioning.build`."""
        found = [
            {name: module for name, module in block.named_modules() if isinstance(module, nn.LayerNorm)}
            for block in parts.blocks
        ]
        norms = {
            task: nn.ModuleList(nn.ModuleList(deepcopy(list(block.values()))) for block in found) for task in self.tasks
        }
        return Norms([list(block) for block in found], norms)


class Norms(Conditioner):
    """The scales and shifts of all tasks.

    Args:
        names: Of the layer normalizations of every block.
        norms: By task; for every block one for every name.
    """

    def __init__(self, names: Sequence[Sequence[str]], norms: dict[str, nn.ModuleList]) -> None:
        super().__init__()
        self.names = names
        self.norms = nn.ModuleDict(norms)

    def weights(self, number: int, block: nn.Module, condition: str) -> Mapping[str, Tensor]:
        """The scales and shifts of a block; see `Conditioner.weights`."""
        norms = cast(nn.ModuleList, cast(nn.ModuleList, self.norms[condition])[number])
        return {
            f"{name}.{key}": own
            for name, norm in zip(self.names[number], norms, strict=True)
            for key, own in norm.named_parameters()
        }

    @torch.no_grad()
    def begin(self, blocks: Sequence[nn.Module], tasks: Iterable[str]) -> None:
        """Copy the scales and shifts of the blocks; see `Conditioner.begin`."""
        for task in tasks:
            for number, block in enumerate(blocks):
                for name, own in self.weights(number, block, task).items():
                    own.copy_(parameter(block, name))
