"""Textual entailment of sentence pairs: does the first text entail the second, contradict it, or neither."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from spacy.tokens import Doc
from spacy.training import Example

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.data.sick import LABELS
from cascade.nn.decoders.base import Output
from cascade.tasks import cats
from cascade.tasks.base import Predictions
from cascade.tasks.pairs import PairTask


@dataclass(kw_only=True)
class Entailment(PairTask):
    """Predicts one of three labels (Hashimoto et al. 2017, section 2.6).

    Args:
        name: See `Task`.
        layer: See `Task`.
        view: See `PairTask`.
        pool: See `PairTask`.
        hidden: See `PairTask`.
        pieces: See `PairTask`.
        layers: See `PairTask`.
        dropout: See `PairTask`.
    """

    layers: int = 3

    extensible: ClassVar[bool] = False
    compare: ClassVar[Literal["absolute", "signed"]] = "signed"

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """CONTRADICTION, ENTAILMENT and NEUTRAL, whatever the Docs."""
        return LABELS

    def targets(self, doc: Doc) -> Targets | None:
        """The label; None where the Doc has none or is no pair."""
        label = cats.chosen(doc, self.vocabulary)
        return {"label": self.ids([label])} if label is not None and documents.is_pair(doc) else None

    def decode(self, output: Output) -> Predictions:
        """Probabilities. Shape: [rows, 3]."""
        return cats.decode(self.distribution(output))

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Set the three categories; nothing where the Doc is no pair."""
        if not documents.is_pair(doc):
            return {}
        return cats.annotate(doc, self.vocabulary, predictions, overwrite=overwrite)

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`entailment_acc`, over pairs with both gold and prediction; None where nothing is annotated."""
        pairs = [
            (cats.chosen(e.reference, self.vocabulary), cats.chosen(e.predicted, self.vocabulary))
            for e in examples
            if documents.is_pair(e.reference)
        ]
        hits = [gold == found for gold, found in pairs if gold is not None and found is not None]
        return {"entailment_acc": sum(hits) / len(hits) if hits else None}
