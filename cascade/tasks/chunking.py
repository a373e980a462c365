"""Chunking: the spans of `doc.spans["chunks"]`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from spacy.scorer import Scorer
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from cascade.docs import CHUNKS
from cascade.tasks.base import Predictions
from cascade.tasks.spans import SpanTagging


@dataclass(kw_only=True)
class Chunking(SpanTagging):
    """Predicts chunks (Tjong Kim Sang and Buchholz 2000).

    Args:
        name: See `Task`.
        layer: See `Task`.
        decoder: See `SpanTagging`.
        hidden: See `SpanTagging`.
        dropout: See `SpanTagging`.
    """

    main_score: ClassVar[str | None] = "chunk_f"

    def spans(self, doc: Doc) -> Sequence[Span] | None:
        """The chunks; a Doc without the key has no gold, one with an empty group has no chunk."""
        return list(doc.spans[CHUNKS]) if CHUNKS in doc.spans else None

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Set the group, with the probabilities of its spans as `attrs["scores"]`, where spaCy's spancat has them."""
        spans, scores = self.found(doc, predictions)
        if overwrite or CHUNKS not in doc.spans:
            doc.spans[CHUNKS] = SpanGroup(doc, name=CHUNKS, attrs={"scores": scores}, spans=spans)
        return self.results(spans, scores, predictions)

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`chunk_p`, `chunk_r`, `chunk_f`, `chunk_per_type`, as `conlleval` counts; None where nothing is annotated."""
        scores: dict[str, Any] = Scorer.score_spans(
            examples, "chunk", getter=_chunks, has_annotation=_has_chunks, allow_overlap=True
        )
        return scores


def _chunks(doc: Doc, _: str) -> list[Span]:
    return list(doc.spans[CHUNKS])


def _has_chunks(doc: Doc) -> bool:
    return CHUNKS in doc.spans
