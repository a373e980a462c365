"""Masked language modelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from spacy.tokens import Doc
from torch import Tensor

from cascade.data.batches import Targets
from cascade.graph import Edge, View
from cascade.nn.decoders.base import Classifier, Decoder, Output
from cascade.nn.rows import MISSING
from cascade.tasks.auxiliary import Auxiliary
from cascade.tasks.base import mean_cross_entropy, require_ranges


@dataclass(kw_only=True)
class MaskedLanguageModeling(Auxiliary):
    """Finds words that the encoder was not shown (Devlin et al. 2019, section 3.1, task 1).

    Each time that a text comes, a share of its words is drawn and hidden from the encoder, which reads the text once
    more for this: a view of its own. Hidden words are always masked, never replaced by others.

    Args:
        name: See `Task`.
        layer: See `Task`.
        words: See `Auxiliary`.
        share: Share of the words that are hidden.
        hidden: Width of the classifier's hidden layer.

    Raises:
        GraphError: A number is out of range.
    """

    share: float = 0.15
    hidden: int = 100

    takes: ClassVar[tuple[type[Edge], ...]] = ()  # an edge could show what is to be found

    def __post_init__(self) -> None:
        super().__post_init__()
        require_ranges(self, sizes=("hidden",), shares=("share",))

    @property
    def view(self) -> View:
        """With words hidden."""
        return "masked"

    def targets(self, doc: Doc) -> Targets | None:
        """The words that are hidden this time, drawn from torch's generator; None where the Doc has none."""
        numbers = self.numbers(doc)
        drawn = torch.rand(len(numbers)).numpy() < self.share
        numbers[~drawn] = MISSING
        return {"label": numbers} if len(numbers) else None

    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        """A classifier with one hidden layer."""
        return Classifier(width, hidden=self.hidden, classes=len(labels))

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Mean cross-entropy per hidden word; 0 where none is hidden."""
        return mean_cross_entropy(output, targets["label"])
