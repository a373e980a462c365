"""Text classification: one or several labels for a whole Doc."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor
from torch.nn import functional

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.errors import LabelError
from cascade.graph import Unit
from cascade.nn.decoders.base import Decoder, Output
from cascade.nn.recalibration import Recalibration
from cascade.nn.rows import MISSING
from cascade.tasks import cats
from cascade.tasks.base import Classification, Pooling, Predictions, require_choices


@dataclass(kw_only=True)
class TextClassification(Classification):
    """Predicts `doc.cats`; sentence pairs are passed over.

    Args:
        name: See `Task`.
        layer: See `Task`.
        hidden: See `Classification`.
        dropout: See `Classification`.
        smoothing: See `Classification`.
        exclusive: Whether exactly one label is right. Otherwise every label is a question of its own, and those that
            `doc.cats` does not name have no gold.
        classes: The keys of `doc.cats` that are labels of this task; all keys when empty.
        pool: How the states of tokens become the state of a text.
        threshold: Probability from which a label counts as predicted, one for all labels or one for each in their
            order; of exclusive ones the highest does.

    Raises:
        GraphError: `pool` is none of its words, or a number is out of range.
    """

    exclusive: bool = True
    classes: tuple[str, ...] = ()
    pool: Pooling = "max"
    threshold: float | tuple[float, ...] = 0.5

    unit: ClassVar[Unit] = "text"
    main_score: ClassVar[str | None] = "cats_score"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choices(self, pool=Pooling)

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """Every key of `doc.cats` that is a label of this task.

        Raises:
            LabelError: A value is not between 0 and 1, or several labels that exclude each other are right.
        """
        return sorted({key for doc in docs if not documents.is_pair(doc) for key in self._checked(doc)})

    def _checked(self, doc: Doc) -> dict[str, float]:
        """The categories of this task."""
        values = {key: value for key, value in doc.cats.items() if not self.classes or key in self.classes}
        if not all(0 <= value <= 1 for value in values.values()):
            raise LabelError(f"task {self.name!r} takes categories with values from 0 to 1, got {values}")
        if self.exclusive and list(values.values()).count(1) > 1:
            raise LabelError(f"task {self.name!r} takes one category a text, got {values}: or set exclusive=False")
        return values

    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        """See `Classification`.

        Raises:
            LabelError: There is one label only, and it excludes all others; or there is not one threshold for each.
        """
        if self.exclusive and len(labels) < 2:
            raise LabelError(f"task {self.name!r} chooses between labels, got {labels}: or set exclusive=False")
        if isinstance(self.threshold, Sequence) and len(self.threshold) != len(labels):
            raise LabelError(
                f"task {self.name!r} has {len(labels)} labels, got {len(self.threshold)} thresholds: give one for all, "
                f"or one for each of {', '.join(labels)}"
            )
        return super().build(width, labels)

    def blank(self, rows: int) -> Targets:
        """Targets of a Doc without gold. Shape: [rows] where labels exclude each other, else [rows, labels]."""
        shape = (rows,) if self.exclusive else (rows, len(self.vocabulary))
        return {"label": np.full(shape, MISSING, dtype=np.int64)}

    def targets(self, doc: Doc) -> Targets | None:
        """The right label, or 1 and 0 by label; None where nothing is known."""
        if documents.is_pair(doc) or doc.cats.keys().isdisjoint(self.vocabulary):
            return None
        if self.exclusive:
            return {"label": self.ids([cats.chosen(doc, self.vocabulary)])}
        values = [round(doc.cats[label]) if label in doc.cats else MISSING for label in self.vocabulary]
        return {"label": np.array([values], dtype=np.int64)}

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Mean (binary) cross-entropy per row with gold; a row's is the mean over its known labels."""
        if self.exclusive:
            return super().loss(output, targets)
        known = (targets["label"] != MISSING) & output.rows.alive[:, None]
        gold = targets["label"].where(known, 0).float() * (1 - self.smoothing) + self.smoothing / 2
        losses = functional.binary_cross_entropy_with_logits(output.scores["logits"], gold, reduction="none")
        per_row = losses.where(known, 0.0).sum(1) / known.sum(1).clamp(min=1)
        return per_row.sum() / known.any(1).sum().clamp(min=1)

    def distribution(self, output: Output) -> Tensor:
        """Probabilities; of labels that do not exclude each other, they do not sum to 1. Shape: [rows, labels]."""
        return super().distribution(output) if self.exclusive else output.scores["logits"].sigmoid()

    def calibrated(self, output: Output, by: Recalibration) -> Output:
        """See `Task`."""
        if self.exclusive:
            return super().calibrated(output, by)
        return replace(output, scores={**output.scores, "logits": by.separate(output.scores["logits"])})

    def surprisal(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """See `Task`; every known label that does not exclude others is a question of its own."""
        if self.exclusive:
            return super().surprisal(output, targets)
        known = (targets["label"] != MISSING) & output.rows.alive[:, None]
        logits, gold = output.scores["logits"][known], targets["label"][known].float()
        return functional.binary_cross_entropy_with_logits(logits, gold, reduction="none")

    def decide(self, distribution: Tensor) -> Tensor:
        """The label that is chosen, or those that reach their thresholds; see `Task`."""
        if self.exclusive:
            return super().decide(distribution)
        return (distribution >= distribution.new_tensor(self.threshold)).to(distribution.dtype)

    @property
    def thresholds(self) -> dict[str, float]:
        """Threshold of every label."""
        values = self.threshold if isinstance(self.threshold, Sequence) else [self.threshold] * len(self.vocabulary)
        return dict(zip(self.vocabulary, values, strict=True))

    def gold(self, targets: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """See `Task`; a row without gold for one of its labels counts as unknown."""
        if self.exclusive:
            return super().gold(targets)
        return targets["label"].clamp(min=0).float(), (targets["label"] != MISSING).all(1)

    def decode(self, output: Output) -> Predictions:
        """Probabilities. Shape: [rows, labels]."""
        return cats.decode(self.distribution(output))

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Set the categories, to 0 where there is no word to judge by; nothing on a sentence pair.

        Of labels that do not exclude each other, those that count as predicted are handed back too, as `labels`.
        """
        if documents.is_pair(doc):
            return {}
        if not len(documents.tokens(doc)):
            predictions = {"probability": np.zeros_like(predictions["probability"])}
        results = cats.annotate(doc, self.vocabulary, predictions, overwrite=overwrite)
        if self.exclusive:
            return results
        chances = zip(self.thresholds.items(), results["probabilities"].tolist(), strict=True)
        return {**results, "labels": [label for (label, threshold), chance in chances if chance >= threshold]}

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`cats_score`, `cats_micro_f` and so on as spaCy's Scorer defines them; None where nothing is annotated.

        Only Docs that have both gold and predictions count.
        """
        scored = [e for e in examples if self._has_cats(e.reference) and self._has_cats(e.predicted)]
        scores: dict[str, Any] = Scorer.score_cats(
            scored, "cats", labels=self.vocabulary, multi_label=not self.exclusive, threshold=0.5, getter=self._centred
        )
        return scores if scored else dict.fromkeys(scores)

    def _centred(self, doc: Doc, _: str) -> dict[str, float]:
        """The categories; those that do not exclude each other in their order, with every threshold at a half."""
        if self.exclusive:
            return dict(doc.cats)
        return {
            label: doc.cats[label] / (2 * threshold)
            if doc.cats[label] < threshold
            else 0.5 + (doc.cats[label] - threshold) / (2 * max(1 - threshold, 1e-9))
            for label, threshold in self.thresholds.items()
            if label in doc.cats
        }

    def _has_cats(self, doc: Doc) -> bool:
        return not documents.is_pair(doc) and not doc.cats.keys().isdisjoint(self.vocabulary)
