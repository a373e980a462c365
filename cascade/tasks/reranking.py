"""Reranking: which of the reader's candidates is the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor
from torch.nn import functional

from cascade.graph import Candidates, Edge, Hidden
from cascade.nn.decoders.base import Decoder, Output
from cascade.nn.decoders.reader import SpanScorer
from cascade.nn.rows import MISSING
from cascade.tasks.asked import SpanTask, places, right_spans, score_best
from cascade.tasks.base import Pooling, Predictions, require_choices, require_ranges
from cascade.tasks.reading import annotate_spans


@dataclass(kw_only=True)
class Reranking(SpanTask):
    """Scores the reader's candidates by what stands in them (Hu et al. 2019, ACL, section 3.3).

    A span's score and those that `Candidates` edges bring add up to the log odds of the span against no answer in its
    passage. The hard loss is the cross-entropy over the candidates of a passage and "no answer", whose log odds are 0;
    the soft loss is the squared distance of the sigmoid of the log odds and the overlap with gold (F1 of the words).
    Where none of the candidates is right, "no answer" is the label, as it would be the better prediction. RE3QA has the
    soft loss on the logit that its softmax reads too, which pulls the two apart.

    Args:
        name: See `Task`.
        layer: See `Task`.
        pool: How the states of a span's words become its state.
        hidden: Width of the hidden layer.
        soft: Weight of the soft loss.
        longest: Words of the longest answer; longer gold is passed over.
        dropout: Share of the decoder's inputs and hidden values dropped in training.

    Raises:
        GraphError: `pool` is none of its words, or a number is out of range.
    """

    pool: Pooling = "attention"
    hidden: int = 100
    soft: float = 1.0
    longest: int = 30
    dropout: float = 0.0

    carries: ClassVar[tuple[type[Edge], ...]] = (Hidden, Candidates)
    classes: ClassVar[tuple[str, ...]] = ("answer",)

    def __post_init__(self) -> None:
        require_choices(self, pool=Pooling)
        require_ranges(self, sizes=("hidden", "longest"), shares=("dropout",))

    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        """A hidden layer and a score."""
        return SpanScorer(width, hidden=self.hidden, dropout=self.dropout)

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Hard and soft loss, each the mean over passages or spans with gold that are still alive."""
        rows, spans, gold = output.rows, output.layout.spans, targets["spans"]
        if not len(rows):
            return output.scores["score"].sum()
        odds = self.keep(output) + output.candidates
        alive = rows.alive & (gold[spans[:, 0], 0] != MISSING)
        right = right_spans(spans, gold) & alive
        some = rows.pad(right.float()).amax(1) > 0
        none = torch.zeros(len(rows.lengths), 1, device=odds.device)
        slots = torch.cat([none, rows.pad(odds.masked_fill(~alive, -1e9), -1e9)], dim=1)
        answers = torch.cat([~some[:, None], rows.pad(right.float()) > 0], dim=1)
        hard = slots.logsumexp(1) - slots.masked_fill(~answers, -1e9).logsumexp(1)
        known = rows.pad(alive.float()).amax(1) > 0
        loss = hard.where(known, 0.0).sum() / known.sum().clamp(min=1)
        if not self.soft:
            return loss
        distance = functional.mse_loss(odds.sigmoid(), overlap(spans, gold), reduction="none")
        return loss + self.soft * distance.where(alive, 0.0).sum() / alive.sum().clamp(min=1)

    def keep(self, output: Output) -> Tensor:
        """What it adds to the log odds of every span. Shape: [spans]."""
        return output.scores["score"]

    def decode(self, output: Output) -> Predictions:
        """Where every span stands, what the task adds, and the log odds; minus infinity for spans that are out."""
        own = self.keep(output).float()
        total = (own + output.candidates.float()).masked_fill(~output.rows.alive, float("-inf"))
        return {**places(output), "own": own.cpu().numpy(), "score": total.cpu().numpy()}

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Set `doc._.answers` to the spans whose log odds are above 0."""
        return annotate_spans(self.name, doc, predictions, predictions["score"], overwrite=overwrite)

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`f1` and `em` of the best span, on questions that have an answer."""
        return score_best(self.name, examples)


def overlap(spans: Tensor, gold: Tensor) -> Tensor:
    """F1 of the words that each span shares with the gold span that fits best; 0 where its passage has none.

    Args:
        spans: First and last token row. Shape: [spans, 2].
        gold: As `SpanTask.targets`. Shape: [tokens, longest].

    Returns:
        Shape: [spans].
    """
    first, more = (gold == 1).nonzero().unbind(1)
    if not len(first) or not len(spans):
        return torch.zeros(len(spans), device=spans.device)
    start, end = spans[:, :1], spans[:, 1:]
    shared = (torch.minimum(end, first + more) - torch.maximum(start, first) + 1).clamp(min=0)
    f1: Tensor = 2 * shared / (end - start + 1 + more + 1)
    return f1.amax(1)
