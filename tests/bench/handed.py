"""What goes from one model to the next where each does one task: fewer passages, and the reader's spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import spacy
import torch
from spacy.tokens import Doc
from torch import Tensor

from cascade import docs as documents
from cascade import registry
from cascade.data.batches import Targets
from cascade.nn.decoders.base import Output
from cascade.retrieval.questions import question_doc
from cascade.tasks import Reading
from cascade.tasks.base import Predictions

NLP = spacy.blank("en")
STAGE = "handed"
"""Key under which a Doc keeps the spans that it was handed."""


@registry.tasks("bench.Handed.v1")
@dataclass(kw_only=True)
class Handed(Reading):
    """Proposes the spans that another model has put into a Doc, and learns nothing; `Candidates` have to force gold."""

    def targets(self, doc: Doc) -> Targets | None:
        """As the reader's, of these spans."""
        found = documents.stage(doc, STAGE)
        if not found:
            return None
        begins = np.cumsum([0, *(len(words) for words in documents.passage_words(doc))])
        spans = np.zeros((begins[-1], self.longest), dtype=np.int64)
        first, last = np.array(found["first"], dtype=int), np.array(found["last"], dtype=int)
        spans[begins[np.array(found["text"], dtype=int)] + first, last - first] = 1
        return {"spans": spans}

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """None."""
        return output.scores["start"].sum() * 0.0

    def keep(self, output: Output) -> Tensor:
        """No score that a reranker could build on."""
        return torch.zeros(len(output.layout.spans))


def hand(doc: Doc, spans: Predictions) -> Doc:
    """Put spans into a Doc."""
    documents.set_stage(doc, STAGE, {name: spans[name].tolist() for name in ("text", "first", "last")})
    return doc


def places(odds: np.ndarray, number: int, *, gold: int | None = None) -> list[int]:
    """The best passages, in the order in which they stand.

    Args:
        odds: What the retriever says of them. Shape: [passages].
        number: How many.
        gold: One that is among them in any case.
    """
    ranked = np.array(odds, dtype=float)
    if gold is not None:
        ranked[gold] = np.inf
    return sorted(np.argsort(-ranked, kind="stable")[:number].tolist())


def narrowed(doc: Doc, kept: Sequence[int], *, gold: bool = False) -> Doc:
    """A question with some of its passages.

    Args:
        doc: The question.
        kept: Places of the passages.
        gold: Whether its answers go along.
    """
    passages = documents.passages(doc)
    made = question_doc(NLP, doc.text, [passages[place] for place in kept])
    made.user_data["id"] = doc.user_data["id"]
    if gold:
        documents.set_answers(made, documents.answers(doc))
    return made
