"""Verification: what the evidence for or against a claim says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor
from torch.nn import functional

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.graph import Edge, Hidden
from cascade.nn.decoders.base import Classifier, Decoder, Output
from cascade.nn.rows import MISSING
from cascade.tasks import cats
from cascade.tasks.asked import SpanTask, mentions, places
from cascade.tasks.base import Pooling, Predictions, require_choices, require_ranges
from cascade.tasks.reranking import overlap

AGREEMENT = 0.5
"""Overlap with gold, as F1 of the words, from which a candidate counts as that piece of evidence."""

CLAIM, PASSAGES = "claim", "passages"
"""Keys under which the stage keeps what it says of the claim, and what each passage with evidence says of it."""


@dataclass(kw_only=True)
class Verification(SpanTask):
    """Tells what each piece of evidence says of a claim, such as SUPPORT or CONTRADICT, and so what holds of the claim.

    The claim is a question, its passages are abstracts, and its answers are the rationales: the sentences that are
    evidence (Wadden et al. 2020, EMNLP, section 4). A reader upstream proposes these. Of each, the task tells one of
    the labels, or that it is none; the scores that `Candidates` edges bring (the log odds that it is evidence) are
    added to the labels' logits. A passage has the probabilities of its best evidence, a claim those of its best
    passage; where no label comes above a half, there is not enough to tell.

    Labels are the keys of `doc.cats` of claims that have passages. Candidates that share half of their words with a
    gold rationale have the claim's label, those that share none are no evidence, and of the rest nothing is known.

    Args:
        name: See `Task`.
        layer: See `Task`.
        pool: How the states of a span's words become its state.
        hidden: Width of the classifier's hidden layer.
        longest: Words of the longest rationale; longer gold is passed over.
        dropout: Share of the classifier's inputs and hidden values dropped in training.

    Raises:
        GraphError: `pool` is none of its words, or a number is out of range.
    """

    pool: Pooling = "attention"
    hidden: int = 100
    longest: int = 100
    dropout: float = 0.0

    carries: ClassVar[tuple[type[Edge], ...]] = (Hidden,)

    def __post_init__(self) -> None:
        require_choices(self, pool=Pooling)
        require_ranges(self, sizes=("hidden", "longest"), shares=("dropout",))

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """Every key of `doc.cats` of a claim whose evidence is known."""
        return sorted({key for doc in docs if mentions(doc) is not None for key in doc.cats})

    def targets(self, doc: Doc) -> Targets | None:
        """The rationales as the reader has them, and with every word the claim's label if it has evidence."""
        found = super().targets(doc)
        if found is None:
            return None
        (label,) = self.ids([_claimed(doc, self.vocabulary)])
        return {**found, "label": np.full(len(found["spans"]), label, dtype=np.int64)}

    def blank(self, rows: int) -> Targets:
        """Targets of a Doc without gold."""
        return {**super().blank(rows), "label": np.full(rows, MISSING, dtype=np.int64)}

    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        """A classifier with one hidden layer; its first class is that a span is no evidence."""
        return Classifier(width, hidden=self.hidden, classes=1 + len(labels), dropout=self.dropout)

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Mean cross-entropy per candidate that is alive and of which something is known."""
        label = right_classes(output.layout.spans, targets).where(output.rows.alive, MISSING)
        total = functional.cross_entropy(self._logits(output), label, ignore_index=MISSING, reduction="sum")
        return total / (label != MISSING).sum().clamp(min=1)

    def _logits(self, output: Output) -> Tensor:
        """Shape: [spans, 1 + labels]."""
        logits = output.scores["logits"]
        return torch.cat([logits[:, :1], logits[:, 1:] + output.candidates[:, None]], dim=1)

    def decode(self, output: Output) -> Predictions:
        """Where every span stands, and the probabilities of the labels; 0 for spans that are out."""
        probability = self._logits(output).float().softmax(1)[:, 1:]
        left = probability.where(output.rows.alive[:, None], 0.0)
        return {**places(output), "probability": left.cpu().numpy()}

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Set `doc.cats` to the probabilities of the labels; those of a claim without candidates are 0."""
        if not documents.is_question(doc):
            return {}
        passages = documents.passages(doc)
        best = np.zeros((len(passages), len(self.vocabulary)), dtype=np.float32)
        np.maximum.at(best, predictions["text"], predictions["probability"])
        said = {passage.id: label for passage, own in zip(passages, best, strict=True) if (label := self._said(own))}
        claim = best.max(axis=0, initial=0.0)
        documents.set_stage(doc, self.name, {CLAIM: self._said(claim), PASSAGES: said})
        cats.write(doc, dict(zip(self.vocabulary, claim.tolist(), strict=True)), overwrite=overwrite)
        return {"probabilities": predictions["probability"]}

    def _said(self, probabilities: np.ndarray) -> str | None:
        """The label that holds; None where there is not enough to tell."""
        best = int(probabilities.argmax())
        return self.vocabulary[best] if probabilities[best] > 0.5 else None

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """F1, precision and recall of passages with evidence and the right label, and accuracy of claims.

        The first three are SciFact's "abstract-level label-only" figures (Wadden et al. 2020, section 5.1), over the
        passages that the gold evidence stands in, whether they were found or not. In the accuracy, that there is not
        enough to tell counts as a label.
        """
        judged = [(_evidence(e.reference), _claimed(e.reference, self.vocabulary), e.predicted) for e in examples]
        known = [(gold, label, doc) for gold, label, doc in judged if gold is not None and (label or not gold)]
        names = tuple(f"{self.name}_{key}" for key in ("f", "p", "r", "acc"))
        if not known:
            return dict.fromkeys(names)
        said = [documents.stage(doc, self.name).get(PASSAGES, {}) for *_, doc in known]
        right = sum(own.get(id) == label for (gold, label, _), own in zip(known, said, strict=True) for id in gold)
        found, wanted = sum(map(len, said)), sum(len(gold) for gold, *_ in known)
        claims = [documents.stage(doc, self.name).get(CLAIM) == label for _, label, doc in known]
        figures = (
            2 * right / max(found + wanted, 1),
            right / max(found, 1),
            right / max(wanted, 1),
            float(np.mean(claims)),
        )
        return dict(zip(names, figures, strict=True))


def _evidence(doc: Doc) -> set[str] | None:
    """Ids of the passages in which a claim has evidence; None where that is not known."""
    gold = documents.answers(doc)
    return None if gold is None else {answer.passage for answer in gold}


def _claimed(doc: Doc, labels: Iterable[str]) -> str | None:
    """The label of a claim that has evidence."""
    return cats.chosen(doc, labels) if _evidence(doc) else None


def right_classes(spans: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
    """What spans are: 0 no evidence, else 1 and the label's number; `MISSING` where it is not known.

    Args:
        spans: First and last token row. Shape: [spans, 2].
        targets: See `Verification.targets`.

    Returns:
        Shape: [spans].
    """
    shared, first = overlap(spans, targets["spans"]), spans[:, 0]
    label = targets["label"][first]
    evidence = (label + 1).where((label != MISSING) & (shared >= AGREEMENT), MISSING)
    known = targets["spans"][first, 0] != MISSING
    return evidence.where(shared > 0, 0).where(known, MISSING)
