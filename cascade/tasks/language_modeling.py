"""Bidirectional language modelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor, nn

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.errors import GraphError
from cascade.graph import Edge, Recurrent
from cascade.nn.decoders.base import Decoder, Output
from cascade.nn.rows import MISSING, Rows
from cascade.tasks.auxiliary import Auxiliary
from cascade.tasks.base import mean_cross_entropy, require_ranges

WAYS = ("next", "previous")


@dataclass(kw_only=True)
class LanguageModeling(Auxiliary):
    """Finds the next word from what is left of it, and the one before from what is right of it (Rei 2017, section 3).

    Both directions of the task's own recurrent layer are read apart, so it has to be one layer deep and to read layer
    0 of an encoder whose layer 0 knows nothing of other words. Tasks downstream read the same states by a `Hidden`
    edge, which is how the paper shares them.

    Args:
        name: See `Task`.
        layer: A `Recurrent` layer over layer 0.
        words: See `Auxiliary`.
        hidden: Width of each direction's own layer, m in the paper.

    Raises:
        GraphError: A number is out of range, or the layer shows the words that are to be found.
    """

    hidden: int = 50

    takes: ClassVar[tuple[type[Edge], ...]] = ()  # an edge could show what is to be found

    def __post_init__(self) -> None:
        super().__post_init__()
        require_ranges(self, sizes=("hidden",))
        if not (isinstance(self.layer, Recurrent) and self.layer.depth == 1 and self.layer.layer == 0):
            raise GraphError(
                [
                    f"LanguageModeling({self.name!r}) has layer={self.layer!r}, which has seen the words that are to "
                    "be found: give it layer=Recurrent(width), one layer deep, over layer 0"
                ]
            )

    def targets(self, doc: Doc) -> Targets | None:
        """The next word and the one before, inside a text; None where the Doc has no word."""
        numbers = self.numbers(doc)
        ends = np.cumsum([len(text) for text in documents.words(doc)], dtype=np.int64)
        following, preceding = (np.full(len(numbers), MISSING, dtype=np.int64) for _ in range(2))
        following[:-1], preceding[1:] = numbers[1:], numbers[:-1]
        following[ends[ends > 0] - 1] = MISSING
        preceding[ends[ends < len(numbers)]] = MISSING
        return {"next": following, "previous": preceding} if len(numbers) else None

    def blank(self, rows: int) -> Targets:
        """Targets of a Doc without gold."""
        return {name: np.full(rows, MISSING, dtype=np.int64) for name in WAYS}

    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        """A classifier for either direction."""
        return Directions(width, hidden=self.hidden, classes=len(labels))

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Mean negative log-likelihood of a word, both directions added."""
        pairs = ((replace(output, scores={"logits": output.scores[name]}), targets[name]) for name in WAYS)
        return torch.stack([mean_cross_entropy(*pair) for pair in pairs]).sum()

    def decode(self, output: Output) -> Mapping[str, np.ndarray]:
        """The most probable next word and the one before."""
        return {name: output.scores[name].argmax(-1).cpu().numpy() for name in WAYS}


class Directions(Decoder):
    """A tanh layer and a softmax for each half of the states (Rei 2017, equations 8 to 11).

    Args:
        width: Width of both halves together.
        hidden: Width of each tanh layer.
        classes: Number of words.
    """

    def __init__(self, width: int, *, hidden: int, classes: int) -> None:
        super().__init__()
        self.hidden_width, half = width, width // 2
        self.next, self.previous = (
            nn.Sequential(nn.Linear(half, hidden), nn.Tanh(), nn.Linear(hidden, classes)) for _ in range(2)
        )

    def forward(self, states: Tensor, rows: Rows) -> dict[str, Tensor]:
        """Score rows; `next` and `previous` have the shape [n, classes]."""
        forward, backward = states.chunk(2, dim=-1)
        return {"hidden": states, "next": self.next(forward), "previous": self.previous(backward)}
