"""A bidirectional LSTM over grouped rows, as two passes that CPUs run as one fused kernel each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cascade.nn.precision import lowered
from cascade.nn.rows import Rows


class BiLSTM(nn.Module):
    """A stack of bidirectional LSTM layers (Graves and Schmidhuber 2005).

    The backward direction is a forward LSTM over groups reversed by their own length, so that padding never reaches a
    state; packed sequences would say the same, but take four times as long on a CPU.

    Args:
        inputs: Width of the incoming states.
        width: Hidden units per direction.
        depth: Stacked layers.
        dropout: Share of values dropped between layers.
    """

    def __init__(self, inputs: int, width: int, *, depth: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.width = 2 * width
        sizes = [inputs] + [2 * width] * (depth - 1)
        self.ahead = nn.ModuleList(nn.LSTM(size, width, batch_first=True) for size in sizes)
        self.back = nn.ModuleList(nn.LSTM(size, width, batch_first=True) for size in sizes)
        self.dropout = nn.Dropout(dropout)
        for name, parameter in self.named_parameters():
            _initialize(name, parameter)

    def forward(self, states: Tensor, rows: Rows) -> Tensor:
        """Run over every group of rows.

        Args:
            states: Shape: [n, inputs].
            rows: The n rows; no state passes from one group to another.

        Returns:
            Shape: [n, 2 * width].
        """
        if len(rows) == 0:
            return states.new_zeros(0, self.width)
        straight = torch.arange(len(rows), device=states.device)
        for i, (ahead, back) in enumerate(zip(self.ahead, self.back, strict=True)):
            states = lowered(states if i == 0 else self.dropout(states))
            states = torch.cat([_run(ahead, states, rows, straight), _run(back, states, rows, rows.mirror)], dim=1)
        return states.float()


def _run(lstm: nn.Module, states: Tensor, rows: Rows, order: Tensor) -> Tensor:
    """Run a layer in one direction; `order` names the row to be read at the place of each row."""
    ran = []
    for grid in rows.grids:
        cells = order[grid.cells]
        ran.append(lstm(states.index_select(0, cells.flatten()).view(*cells.shape, -1))[0].flatten(0, 1))
    return torch.cat(ran).index_select(0, rows.gridded[order])


def _initialize(name: str, parameter: nn.Parameter) -> None:
    """Uniform weights by Glorot and Bengio's bound, a forget bias of 1 (Jozefowicz et al. 2015; JMT, section 5.2)."""
    with torch.no_grad():
        if "weight" in name:
            hidden = parameter.shape[0] // 4
            bound = (6 / (hidden + parameter.shape[1])) ** 0.5
            parameter.uniform_(-bound, bound)
        elif "bias_ih" in name:
            hidden = parameter.shape[0] // 4
            parameter.zero_()
            parameter[hidden : 2 * hidden] = 1.0
        else:
            parameter.zero_()
