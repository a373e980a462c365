"""Maxout layers before a linear one."""

from __future__ import annotations

from torch import Tensor, nn

from cascade.nn.decoders.base import Decoder
from cascade.nn.rows import Rows


class Maxout(nn.Module):
    """The largest of several linear functions, unit by unit (Goodfellow et al. 2013, section 3).

    Args:
        width: Width of the incoming states.
        hidden: Number of units.
        pieces: Linear functions per unit.
    """

    def __init__(self, width: int, hidden: int, *, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.linear = nn.Linear(width, hidden * pieces)

    def forward(self, states: Tensor) -> Tensor:
        """Shapes: [n, width] to [n, hidden]."""
        pieces: Tensor = self.linear(states).unflatten(-1, (-1, self.pieces))
        return pieces.amax(-1)


class MaxoutClassifier(Decoder):
    """Maxout layers and a linear one (Hashimoto et al. 2017, sections 2.5 and 2.6).

    Args:
        width: Width of the incoming states.
        hidden: Width of every Maxout layer.
        classes: Number of classes.
        layers: Number of Maxout layers.
        pieces: Linear functions per Maxout unit.
        dropout: Share of the inputs of every layer dropped in training.
    """

    def __init__(
        self, width: int, *, hidden: int, classes: int, layers: int = 1, pieces: int = 3, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.hidden_width = hidden
        self.dropout = nn.Dropout(dropout)
        widths = [width, *[hidden] * (layers - 1)]
        self.layers = nn.ModuleList(Maxout(incoming, hidden, pieces=pieces) for incoming in widths)
        self.output = nn.Linear(hidden, classes)

    def forward(self, states: Tensor, rows: Rows) -> dict[str, Tensor]:
        """Score rows; `logits` has the shape [n, classes]."""
        for layer in self.layers:
            states = layer(self.dropout(states))
        return {"hidden": states, "logits": self.output(self.dropout(states))}
