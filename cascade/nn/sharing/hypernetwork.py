"""A hypernetwork: one small network generates the adapters of all tasks and blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from cascade.graph import out_of_range
from cascade.nn.sharing.base import Conditioner, Conditioning

if TYPE_CHECKING:
    from cascade.nn.encoders.pretrained import Pretrained


@dataclass(frozen=True, kw_only=True)
class HyperNetwork(Conditioning):
    """HyperFormer++: one network generates all tasks' adapters (Mahabadi et al. 2021, sections 2.1 to 2.4).

    With an embedding z of the task and e of the block, I = LN(W_2 ReLU(W_1 [z; e])), and linear layers make of I the
    weights of an adapter and of the layer normalization within it, by which h becomes h + LN(W_u f(W_d h + b_d) + b_u),
    with f = swish. All linear layers begin as N(0, 0.01^2) with no bias, so that a new adapter changes little. There is
    one adapter a block, behind it, so that the paper's third embedding, of the place in the block, has nothing to tell.

    Args:
        tasks: See `Conditioning`.
        train_body: See `Conditioning`.
        reduction: How many times narrower an adapter is than the states.
        size: Width of both embeddings and of I.
        hidden: Width of W_1's outputs.

    Raises:
        GraphError: See `Conditioning`.
    """

    reduction: int = 16
    size: int = 64
    hidden: int = 128

    def _problems(self) -> list[str]:
        return out_of_range("HyperNetwork", self, sizes=("reduction", "size", "hidden"))

    def build(self, parts: Pretrained) -> Generator:
        """Make the module; see `Conditioning.build`."""
        width = parts.config.hidden_size
        narrow = max(1, width // self.reduction)
        return Generator(self.tasks, len(parts.blocks), width=width, narrow=narrow, size=self.size, hidden=self.hidden)


class Generated(NamedTuple):
    """The weights of an adapter; shapes: [narrow, width], [narrow], [width, narrow], and [width] of all others."""

    down: Tensor
    down_bias: Tensor
    up: Tensor
    up_bias: Tensor
    scale: Tensor
    shift: Tensor

    def adapt(self, states: Tensor) -> Tensor:
        """Adapt. Shapes: [..., width]."""
        inner = functional.silu(functional.linear(states, self.down, self.down_bias))
        outer = functional.linear(inner, self.up, self.up_bias)
        return states + functional.layer_norm(outer, self.scale.shape, self.scale, self.shift)


class Generator(Conditioner):
    """Generates the adapters of all tasks and blocks.

    Args:
        tasks: Their names.
        blocks: Number of blocks.
        width: Of the states.
        narrow: Width within an adapter.
        size: See `HyperNetwork`.
        hidden: See `HyperNetwork`.
    """

    def __init__(self, tasks: Sequence[str], blocks: int, *, width: int, narrow: int, size: int, hidden: int) -> None:
        super().__init__()
        self.numbers = {task: number for number, task in enumerate(tasks)}
        self.shapes = [(narrow, width), (narrow,), (width, narrow), (width,), (width,), (width,)]
        self.tasks, self.blocks = nn.Embedding(len(tasks), size), nn.Embedding(blocks, size)
        self.inner, self.outer = nn.Linear(2 * size, hidden), nn.Linear(hidden, size)
        self.norm = nn.LayerNorm(size, eps=1e-6)  # what it gets is small at first
        # The linear layers that make an adapter's weights, side by side.
        self.heads = nn.Linear(size, sum(torch.Size(shape).numel() for shape in self.shapes))
        for linear in (self.inner, self.outer, self.heads):
            nn.init.normal_(linear.weight, std=0.01)
            nn.init.zeros_(linear.bias)

    def generate(self, number: int, condition: str) -> Generated:
        """The weights of a task's adapter behind a block."""
        both = torch.cat([self.tasks.weight[self.numbers[condition]], self.blocks.weight[number]])
        context = self.norm(self.outer(functional.relu(self.inner(both))))
        parts = self.heads(context).split([torch.Size(shape).numel() for shape in self.shapes])
        return Generated(*[part.view(shape) for part, shape in zip(parts, self.shapes, strict=True)])

    def after(self, number: int, states: Tensor, condition: str) -> Tensor:
        """Adapt what a block gives; see `Conditioner.after`."""
        return self.generate(number, condition).adapt(states)
