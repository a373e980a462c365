"""Toy tasks over the two texts of a pair: a retriever that keeps some of them, and a reranker of those that are left.

Which text is right stands in `doc.cats`, 1 for `first` or `second`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor

from cascade import registry
from cascade.data.batches import Targets
from cascade.docs import PAIR, is_pair
from cascade.graph import Candidates, Edge, Hidden, Labels, Unit
from cascade.nn.decoders.base import Output
from cascade.nn.rows import MISSING
from cascade.tasks import Classification, Predictions

KEYS = ("first", "second")


def pair_of(doc: Doc, cut: int, right: int | None = None) -> Doc:
    """Make a Doc a pair of the texts before and after a token, of which one is right."""
    doc.spans[PAIR] = [doc[:cut], doc[cut:]]
    if right is not None:
        doc.cats = {key: float(i == right) for i, key in enumerate(KEYS)}
    return doc


@registry.tasks("toy.Retrieve.v1")
@dataclass(kw_only=True)
class Retrieve(Classification):
    """Whether a text is the right one of its pair."""

    unit: ClassVar[Unit] = "text"
    carries: ClassVar[tuple[type[Edge], ...]] = (Hidden, Labels, Candidates)

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        return ("no", "yes")

    def targets(self, doc: Doc) -> Targets | None:
        if not is_pair(doc) or not doc.cats.keys() >= set(KEYS):
            return None
        return {"label": np.array([round(doc.cats[key]) for key in KEYS])}

    def keep(self, output: Output) -> Tensor:
        return output.scores["logits"][:, 1] - output.scores["logits"][:, 0]

    def gold_rows(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        return targets["label"] == 1

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        if is_pair(doc):
            doc.cats = {key: float(label) for key, label in zip(KEYS, predictions["label"], strict=True)}
        return {"probabilities": predictions["probability"]}

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        hits = [e.predicted.cats == e.reference.cats for e in examples if self.targets(e.reference) is not None]
        return {f"{self.name}_acc": sum(hits) / len(hits) if hits else None}


@registry.tasks("toy.Rerank.v1")
@dataclass(kw_only=True)
class Rerank(Retrieve):
    """The best of the texts that are left; adds the scores of those who have kept them."""

    def totals(self, output: Output) -> Tensor:
        """Scores of the texts, lowest where they are not left. Shape: [rows]."""
        return (self.keep(output) + output.candidates).masked_fill(~output.rows.alive, -1e4)

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Mean of -log p(right text) over the Docs whose right text is left."""
        rows = output.rows
        chances = rows.flatten(rows.pad(self.totals(output), -1e9).log_softmax(1))
        right = (targets["label"] == 1) & rows.alive
        return -chances.where(right, 0.0).sum() / right.sum().clamp(min=1)

    def decode(self, output: Output) -> Predictions:
        rows = output.rows
        totals = rows.pad(self.totals(output), -1e9)
        best = rows.position == totals.argmax(1)[rows.group] if len(rows) else rows.position
        probability = rows.flatten(totals.softmax(1))
        label = torch.where(rows.lengths[rows.group] == len(KEYS), best.long(), MISSING)
        return {"label": label.cpu().numpy(), "probability": probability.cpu().numpy()}
