"""Adapters: every task has two small layers of its own behind each block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from torch import Tensor, nn
from torch.nn import functional

from cascade.graph import out_of_range
from cascade.nn.sharing.base import Conditioner, Conditioning

if TYPE_CHECKING:
    from cascade.nn.encoders.pretrained import Pretrained


@dataclass(frozen=True, kw_only=True)
class Bottleneck(Conditioning):
    """Adapters: a bottleneck of each task's own behind every block (Houlsby et al. 2019, section 2.1).

    h becomes h + W_u f(W_d LN(h) + b_d) + b_u with f = GELU, one adapter a block and the normalization before it, as
    Bapna and Firat (2019) have it. W_u and b_u begin as 0, so that a new adapter changes nothing.

    Args:
        tasks: See `Conditioning`.
        train_body: See `Conditioning`.
        reduction: How many times narrower the bottleneck is than the states.

    Raises:
        GraphError: See `Conditioning`.
    """

    reduction: int = 16

    def _problems(self) -> list[str]:
        return out_of_range("Bottleneck", self, sizes=("reduction",))

    def build(self, parts: Pretrained) -> Adapters:
        """Make the module; see `Conditioning.build`."""
        width = parts.config.hidden_size
        size = max(1, width // self.reduction)
        return Adapters({task: nn.ModuleList(Adapter(width, size) for _ in parts.blocks) for task in self.tasks})


class Adapter(nn.Module):
    """One adapter.

    Args:
        width: Of the states.
        size: Of the bottleneck.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.down, self.up = nn.Linear(width, size), nn.Linear(size, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, states: Tensor) -> Tensor:
        """Adapt. Shapes: [..., width]."""
        adapted: Tensor = self.up(functional.gelu(self.down(self.norm(states))))
        return states + adapted


class Adapters(Conditioner):
    """The adapters of all tasks.

    Args:
        adapters: By task; one for every block.
    """

    def __init__(self, adapters: dict[str, nn.ModuleList]) -> None:
        super().__init__()
        self.adapters = nn.ModuleDict(adapters)

    def after(self, number: int, states: Tensor, condition: str) -> Tensor:
        """Adapt what a block gives; see `Conditioner.after`."""
        adapted: Tensor = cast(nn.ModuleList, self.adapters[condition])[number](states)
        return adapted
