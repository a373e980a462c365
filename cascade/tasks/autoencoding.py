"""Auto-encoding of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from spacy.tokens import Doc
from torch import Tensor, nn

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.graph import Unit
from cascade.nn.decoders.base import Decoder, Output
from cascade.nn.rows import MISSING, Rows
from cascade.tasks.auxiliary import Auxiliary
from cascade.tasks.base import Pooling, require_choices, require_ranges


@dataclass(kw_only=True)
class AutoEncoding(Auxiliary):
    """Finds a text's words again in the one state that is left of it (decoder of Miao et al. 2016, section 3).

    The text's state goes through a narrow layer; from there a softmax over words is to give the frequencies of the
    text's own words. Their order is lost, which a recurrent decoder would keep at many times the cost.

    Args:
        name: See `Task`.
        layer: See `Task`.
        words: See `Auxiliary`.
        pool: How the states of tokens become the state of the text.
        code: Width of the narrow layer.

    Raises:
        GraphError: A setting makes no sense.
    """

    pool: Pooling = "mean"
    code: int = 50

    unit: ClassVar[Unit] = "text"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_ranges(self, sizes=("code",))
        require_choices(self, pool=Pooling)

    def targets(self, doc: Doc) -> Targets | None:
        """How often every word is in every text; None where the Doc has no word. Shape: [texts, words]."""
        lengths = [len(text) for text in documents.words(doc)]
        if not sum(lengths):
            return None
        counts, numbers = np.zeros((len(lengths), len(self.vocabulary)), dtype=np.float32), self.numbers(doc)
        text = np.repeat(np.arange(len(lengths)), lengths)
        known = numbers != MISSING
        np.add.at(counts, (text[known], numbers[known]), 1.0)
        return {"counts": counts}

    def blank(self, rows: int) -> Targets:
        """Targets of a Doc without gold: no words."""
        return {"counts": np.zeros((rows, len(self.vocabulary)), dtype=np.float32)}

    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        """A narrow layer and a softmax."""
        return Code(width, code=self.code, classes=len(labels))

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Mean negative log-likelihood of a word of the texts."""
        counts = targets["counts"] * output.rows.alive.unsqueeze(-1)
        return -(counts * output.scores["logits"].log_softmax(-1)).sum() / counts.sum().clamp(min=1.0)


class Code(Decoder):
    """A narrow layer and a linear one.

    Args:
        width: Width of the incoming states.
        code: Width of the narrow layer.
        classes: Number of words.
    """

    def __init__(self, width: int, *, code: int, classes: int) -> None:
        super().__init__()
        self.hidden_width = code
        self.code, self.output = nn.Linear(width, code), nn.Linear(code, classes)

    def forward(self, states: Tensor, rows: Rows) -> dict[str, Tensor]:
        """Score rows; `logits` has the shape [n, classes]."""
        code = self.code(states).tanh()
        return {"hidden": code, "logits": self.output(code)}
