"""Retrieval: which passages hold the answer to a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor
from torch.nn import functional

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.graph import Candidates, Edge, Hidden, Labels, Unit
from cascade.nn.decoders.base import Classifier, Decoder, Output
from cascade.nn.rows import MISSING
from cascade.tasks.asked import AskedTask, mentions
from cascade.tasks.base import Pooling, Predictions, require_choices, require_ranges

Compared = Literal["alone", "within_question"]
SCORES = "scores"
"""Key under which the stage keeps the scores of the passages."""


@dataclass(kw_only=True)
class Retrieval(AskedTask):
    """Tells the passages that answer a question from the others (Hu et al. 2019, ACL, section 3.1).

    It reads a low layer of the encoder and prunes what the layers above it ever see: `Candidates(k)` keeps the k best
    passages. Its score is the log odds that a passage holds the answer.

    Args:
        name: See `Task`.
        layer: See `Task`.
        pool: How the states of a passage's words become its state.
        compared: Whether a passage is judged `alone` (cross-entropy of two classes) or also `within_question`, against
            the question's other passages (a softmax over these; where the answer stands in several, the probability of
            all of them counts), which then is added.
        prior: Weight of what the search said, relative to its best hit, in the choice of the passages that are kept; to
            be chosen on dev. It has no part in the score that is handed on.
        hidden: Width of the classifier's hidden layer.
        dropout: Share of the classifier's inputs and hidden values dropped in training.

    Raises:
        GraphError: `pool` or `compared` is none of its words, or a number is out of range.
    """

    pool: Pooling = "attention"
    compared: Compared = "within_question"
    prior: float = 0.0
    hidden: int = 100
    dropout: float = 0.0

    unit: ClassVar[Unit] = "text"
    carries: ClassVar[tuple[type[Edge], ...]] = (Hidden, Labels, Candidates)
    classes: ClassVar[tuple[str, ...]] = ("other", "relevant")

    def __post_init__(self) -> None:
        require_choices(self, pool=Pooling, compared=Compared)
        require_ranges(self, sizes=("hidden",), shares=("dropout",))

    def targets(self, doc: Doc) -> Targets | None:
        """1 for a passage with a gold answer, else 0. Shape: [passages]."""
        found = mentions(doc)
        return None if found is None else {"label": np.array([bool(own) for own in found], dtype=np.int64)}

    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        """A classifier with one hidden layer."""
        return Classifier(width, hidden=self.hidden, classes=len(labels), dropout=self.dropout)

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Mean cross-entropy per passage with gold; see `compared`."""
        label, rows, odds = targets["label"], output.rows, self.keep(output)
        known = (label != MISSING) & rows.alive
        alone = functional.binary_cross_entropy_with_logits(odds, label.clamp(min=0).float(), reduction="none")
        loss = alone.where(known, 0.0).sum() / known.sum().clamp(min=1)
        if self.compared == "alone" or not len(rows):
            return loss
        right = known & (label == 1)
        everything = rows.pad(odds.masked_fill(~known, -1e9), -1e9).logsumexp(1)
        gold = rows.pad(odds.masked_fill(~right, -1e9), -1e9).logsumexp(1)
        answered = rows.pad(right.float()).amax(1) > 0
        return loss + (everything - gold).where(answered, 0.0).sum() / answered.sum().clamp(min=1)

    def keep(self, output: Output) -> Tensor:
        """Log odds that a passage holds the answer. Shape: [passages]."""
        logits = output.scores["logits"]
        return logits[:, 1] - logits[:, 0]

    def order(self, output: Output) -> Tensor:
        """The log odds and the weighted score of the search."""
        prior = output.layout.prior
        return self.keep(output) if prior is None else self.keep(output) + self.prior * prior

    def gold_rows(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Passages with an answer."""
        return targets["label"] == 1

    def decode(self, output: Output) -> Predictions:
        """Log odds of every passage, the probability that they stand for, and the scores by which passages are kept."""
        odds, order = self.keep(output).float(), self.order(output).float()
        return {
            "score": odds.cpu().numpy(),
            "probability": odds.sigmoid().cpu().numpy(),
            "order": order.cpu().numpy(),
        }

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Keep the scores of the passages; passages themselves stay in the order in which they were found."""
        if documents.is_question(doc):
            documents.set_stage(doc, self.name, {SCORES: predictions["score"].tolist()})
        return {"probabilities": predictions["probability"]}

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Of questions with an answer: reciprocal rank of the first passage that has it, and how often it is best."""
        ranks = [rank for e in examples if (rank := self._rank(e)) is not None]
        figures = {"mrr": [1 / rank for rank in ranks], "recall@1": [float(rank == 1) for rank in ranks]}
        return {f"{self.name}_{key}": float(np.mean(v)) if v else None for key, v in figures.items()}

    def _rank(self, example: Example) -> int | None:
        gold = mentions(example.reference)
        scores: list[float] | None = documents.stage(example.predicted, self.name).get(SCORES)
        if gold is None or not scores or not any(gold):
            return None
        best = max(score for score, own in zip(scores, gold, strict=True) if own)
        return sum(score >= best for score, own in zip(scores, gold, strict=True) if not own) + 1
