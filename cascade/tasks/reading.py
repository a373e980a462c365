"""Reading: which stretch of its passages answers a question, and whether any does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor

from cascade import docs as documents
from cascade.graph import Candidates, Edge, Hidden
from cascade.nn.decoders.base import Decoder, Output
from cascade.nn.decoders.reader import Overlap, SpanReader
from cascade.nn.layout import Layout
from cascade.nn.rows import MISSING, Rows
from cascade.tasks.asked import ANSWERS, WROTE, SpanTask, best_answers, places, score_best
from cascade.tasks.base import Predictions, require_choices, require_ranges

Mentions = Literal["any", "all"]


@dataclass(kw_only=True)
class Reading(SpanTask):
    """Marks the spans that answer a question, and proposes the best of them (Hu et al. 2019, ACL, section 3.2).

    In every passage, its words and "no answer here" share one softmax for the first word of the answer, and one for the
    last. A span's score is the sum of its two logits less the two of "no answer": the log odds against that. Where
    `Candidates` edges bring scores of the passage, these are added.

    Args:
        name: See `Task`.
        layer: See `Task`.
        mentions: Where a passage has several mentions of the answer: `any` maximizes the probability of all together
            (marginal likelihood), `all` the mean of their log probabilities, as RE3QA does.
        longest: Words of the longest answer; a passage all of whose gold is longer gives no loss.
        beam: First words, and last words, that are combined.
        spans: Candidates in each passage.
        overlap: Which candidates a better one strikes out.
        dropout: Share of the decoder's inputs dropped in training.

    Raises:
        GraphError: A word is none of its choices, or a number is out of range.
    """

    mentions: Mentions = "any"
    longest: int = 30
    beam: int = 20
    spans: int = 10
    overlap: Overlap = "same_boundary"
    dropout: float = 0.0

    proposes: ClassVar[bool] = True
    carries: ClassVar[tuple[type[Edge], ...]] = (Hidden, Candidates)
    classes: ClassVar[tuple[str, ...]] = ("start", "end")

    def __post_init__(self) -> None:
        require_choices(self, mentions=Mentions, overlap=Overlap)
        require_ranges(self, sizes=("longest", "beam", "spans"), shares=("dropout",))

    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        """Scores of words, and a proposal of spans."""
        return SpanReader(
            width,
            longest=self.longest,
            beam=self.beam,
            spans=self.spans,
            overlap=self.overlap,
            dropout=self.dropout,
        )

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Mean of -(log p(first) + log p(last)) / 2 per passage with gold that is still alive; see `mentions`."""
        rows = output.layout.rows["token"]
        if not len(rows):
            return output.scores["start"].sum()
        starts, ends, nothing = self._log_probabilities(output, rows)
        first, more = (targets["spans"] == 1).nonzero().unbind(1)
        gold = starts[first] + ends[first + more]
        group, size = rows.group[first], len(rows.lengths)
        number = torch.zeros_like(nothing).index_add(0, group, torch.ones_like(gold))
        if self.mentions == "all":
            total = torch.zeros_like(nothing).index_add(0, group, gold) / number.clamp(min=1)
        else:
            top = gold.detach().new_full((size,), -1e9).scatter_reduce(0, group, gold.detach(), "amax")
            summed = torch.zeros_like(nothing).index_add(0, group, (gold - top[group]).exp())
            total = top + summed.clamp(min=1e-30).log()
        chances = total.where(number > 0, nothing)
        known = (targets["spans"][rows.first, 0] != MISSING) & rows.alive[rows.first]
        return -chances.where(known, 0.0).sum() / 2 / known.sum().clamp(min=1)

    def _log_probabilities(self, output: Output, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
        """Of every word as the first and as the last, and of no answer in every passage with words."""
        text = rows.parent[rows.first]
        null = output.scores["null"][text] - output.layout.scores("text")[text, None] / 2
        found = []
        for name, none in zip(("start", "end"), null.unbind(1), strict=True):
            padded = torch.cat([none[:, None], rows.pad(output.scores[name], float("-inf"))], dim=1).log_softmax(1)
            found.append((rows.flatten(padded[:, 1:]), padded[:, 0]))
        return found[0][0], found[1][0], found[0][1] + found[1][1]

    def keep(self, output: Output) -> Tensor:
        """Log odds of every span against no answer in its passage. Shape: [spans]."""
        first, last = output.layout.spans.unbind(1)
        null = output.scores["null"].sum(1)[output.rows.parent]
        return output.scores["start"][first] + output.scores["end"][last] - null

    def gold_spans(self, targets: Mapping[str, Tensor], layout: Layout) -> Tensor:
        """The gold spans of passages that are alive."""
        first, more = (targets["spans"] == 1).nonzero().unbind(1)
        spans = torch.stack([first, first + more], dim=1)
        return spans[layout.rows["token"].alive[first]]

    def decode(self, output: Output) -> Predictions:
        """Where every span stands, its logits, those of no answer, and its log odds with what edges have brought."""
        first, last = output.layout.spans.unbind(1)
        total = self.keep(output) + output.candidates
        return {
            **places(output),
            "start": output.scores["start"][first].float().cpu().numpy(),
            "end": output.scores["end"][last].float().cpu().numpy(),
            "null": output.scores["null"].sum(1)[output.rows.parent].float().cpu().numpy(),
            "score": total.float().cpu().numpy(),
        }

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Set `doc._.answers` to the spans whose log odds are above 0."""
        return annotate_spans(self.name, doc, predictions, predictions["score"], overwrite=overwrite)

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`f1` and `em` of the best span, on questions that have an answer."""
        return score_best(self.name, examples)


def annotate_spans(
    name: str, doc: Doc, predictions: Predictions, scores: np.ndarray, *, overwrite: bool
) -> dict[str, Any]:
    """Set `doc._.answers` to the spans whose score, in log odds, is above 0.

    Args:
        name: Of the task.
        doc: The question.
        predictions: See `places`.
        scores: Shape: [spans]; minus infinity for spans that are out.
        overwrite: Whether answers that are there already are replaced; those of an earlier stage always are.

    Returns:
        Scores of all spans.
    """
    if not documents.is_question(doc):
        return {}
    ranked = best_answers(doc, predictions, scores)
    free = overwrite or documents.answers(doc) is None or any(own.get(WROTE) for own in documents.stages(doc))
    documents.set_stage(doc, name, {ANSWERS: [answer.plain for answer in ranked], WROTE: free})
    if free:
        documents.set_answers(doc, [answer for answer in ranked if answer.scores["total"] > 0])
    return {"scores": scores}
