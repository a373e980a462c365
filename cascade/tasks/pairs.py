"""What the tasks over sentence pairs share: both texts pooled and compared, Maxout layers, a softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn import functional

from cascade.graph import Unit, View
from cascade.nn.decoders.base import Decoder, Output
from cascade.nn.decoders.maxout import MaxoutClassifier
from cascade.tasks.base import Pooling, Task, require_choices, require_ranges


@dataclass(kw_only=True)
class PairTask(Task):
    """A task that classifies sentence pairs.

    Args:
        name: See `Task`.
        layer: See `Task`.
        view: Whether the encoder reads the two texts `apart`, or `together` in one window, where each word sees both.
        pool: How the states of tokens become the state of a text.
        hidden: Width of a Maxout layer.
        pieces: Linear functions per Maxout unit.
        layers: Number of Maxout layers.
        dropout: Share of the inputs of every decoder layer dropped in training.

    Raises:
        GraphError: `view` or `pool` is none of its words, or a number is out of range.
    """

    view: View = "apart"
    pool: Pooling = "max"
    hidden: int = 100
    pieces: int = 3
    layers: int = 1
    dropout: float = 0.0

    unit: ClassVar[Unit] = "pair"
    compare: ClassVar[Literal["absolute", "signed"]]

    def __post_init__(self) -> None:
        require_choices(self, view=View, pool=Pooling)
        require_ranges(self, sizes=("hidden", "pieces", "layers"), shares=("dropout",))

    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        """Maxout layers and a linear one."""
        return MaxoutClassifier(
            width, hidden=self.hidden, classes=len(labels), layers=self.layers, pieces=self.pieces, dropout=self.dropout
        )

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Mean divergence KL(gold || predicted) per row with gold that is still alive.

        Where gold is a single label, this is the cross-entropy.
        """
        gold, known = self.gold(targets)
        counted = known & output.rows.alive
        divergence = functional.kl_div(output.scores["logits"].log_softmax(-1), gold, reduction="none").sum(-1)
        return divergence.where(counted, 0.0).sum() / counted.sum().clamp(min=1)
