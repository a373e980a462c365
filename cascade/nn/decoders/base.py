"""What every decoder returns, and the single-hidden-layer classifier that most of them begin with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor, nn

from cascade.nn.layout import Layout
from cascade.nn.rows import Rows


@dataclass(frozen=True)
class Output:
    """What a node of the graph has computed for a batch.

    Args:
        rows: The rows that it decoded, grouped by what it decoded inside (a text, or the segments of an edge).
        hidden: States that a `Hidden` edge carries. Shape: [rows of the hidden unit, width].
        scores: The decoder's results by name; `logits` where it classifies rows. First axis: rows, unless the decoder
            says otherwise.
        decoder: The module that made them; losses and decoding may use its parameters (a CRF's transitions).
        candidates: Scores that `Candidates` edges brought, per row; zero without one. Shape: [rows].
        layout: All rows of the batch, those alive marked, and the spans.
    """

    rows: Rows
    hidden: Tensor
    scores: Mapping[str, Tensor]
    decoder: Decoder
    candidates: Tensor
    layout: Layout

    def float(self) -> Output:
        """The same with its scores in single precision, as losses need them."""
        return replace(self, scores={name: score.float() for name, score in self.scores.items()})


class Decoder(nn.Module, ABC):
    """A module from the states of rows to scores."""

    hidden_width: int
    """Width of `scores["hidden"]`, the states that `Hidden` edges carry when the task has no recurrent layer."""
    epoch: int = 0
    """Epoch of training, from 0; set before every pass, for what changes with it."""

    @abstractmethod
    def forward(self, states: Tensor, rows: Rows) -> dict[str, Tensor]:
        """Score rows.

        Args:
            states: What encoder and edges bring. Shape: [n, width].
            rows: The n rows, grouped by what is decoded inside.

        Returns:
            Scores by name, `hidden` among them. Shape of `hidden`: [n, hidden_width].
        """


class Classifier(Decoder):
    """One hidden ReLU layer and a linear one (Hashimoto et al. 2017, section 2.2).

    Args:
        width: Width of the incoming states.
        hidden: Width of the hidden layer.
        classes: Number of classes.
        dropout: Share of inputs and hidden values dropped in training.
    """

    def __init__(self, width: int, *, hidden: int, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.hidden_width = hidden
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(width, hidden)
        self.output = nn.Linear(hidden, classes)

    def forward(self, states: Tensor, rows: Rows) -> dict[str, Tensor]:
        """Score rows; `logits` has the shape [n, classes]."""
        hidden = self.hidden(self.dropout(states)).relu()
        return {"hidden": hidden, "logits": self.output(self.dropout(hidden))}
