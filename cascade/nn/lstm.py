"""A bidirectional LSTM over grouped rows, as two passes that CPUs run as one fused kernel each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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
        parts = [(places, self._run(states[places], part)) for places, part in rows.buckets]
        places, ran = torch.cat([p for p, _ in parts]), torch.cat([r for _, r in parts])
        return ran.new_empty(ran.shape).index_copy(0, places, ran)

    def _run(self, states: Tensor, rows: Rows) -> Tensor:
        place = torch.arange(rows.longest, device=states.device)
        mirror = (rows.lengths[:, None] - 1 - place).clamp(min=0)[..., None]
        padded = rows.pad(states)
        for i, (ahead, back) in enumerate(zip(self.ahead, self.back, strict=True)):
            padded = padded if i == 0 else self.dropout(padded)
            onward, _ = ahead(padded)
            mirrored, _ = back(padded.gather(1, mirror.expand(-1, -1, padded.shape[-1])))
            padded = torch.cat([onward, mirrored.gather(1, mirror.expand(-1, -1, mirrored.shape[-1]))], dim=-1)
        return rows.flatten(padded).float()


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
