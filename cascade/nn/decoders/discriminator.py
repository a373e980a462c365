"""A classifier whose loss makes the states that it reads worse to classify by."""

from __future__ import annotations

from torch import Tensor

from cascade.nn.decoders.base import Classifier, Decoder
from cascade.nn.reversal import ramp, reverse
from cascade.nn.rows import Rows


class Discriminator(Decoder):
    """A classifier behind a gradient reversal; its hidden states are those before the reversal.

    Args:
        width: Width of the incoming states.
        hidden: Width of the classifier's hidden layer.
        classes: Number of classes.
        dropout: Share of inputs and hidden values dropped in training, of the classifier alone.
        strength: Scale of the reversed gradient.
        epochs: Epochs over which the scale rises to `strength`; None: it is there from the beginning.
    """

    def __init__(
        self, width: int, *, hidden: int, classes: int, dropout: float, strength: float, epochs: int | None
    ) -> None:
        super().__init__()
        self.hidden_width = width
        self.strength, self.epochs = strength, epochs
        self.classifier = Classifier(width, hidden=hidden, classes=classes, dropout=dropout)

    def forward(self, states: Tensor, rows: Rows) -> dict[str, Tensor]:
        """Score rows; `logits` has the shape [n, classes]."""
        scored: dict[str, Tensor] = self.classifier(reverse(states, self.scale), rows)
        return {"hidden": states, "logits": scored["logits"]}

    @property
    def scale(self) -> float:
        """Scale of the reversed gradient in this epoch."""
        return self.strength if self.epochs is None else self.strength * ramp(min(1.0, self.epoch / self.epochs))
