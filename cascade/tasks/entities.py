"""Named entities: `doc.ents`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from spacy.attrs import ENT_IOB
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example

from cascade.tasks.base import Predictions
from cascade.tasks.spans import SpanTagging


@dataclass(kw_only=True)
class Entities(SpanTagging):
    """Predicts named entities.

    Args:
        name: See `Task`.
        layer: See `Task`.
        decoder: See `SpanTagging`.
        hidden: See `SpanTagging`.
        dropout: See `SpanTagging`.
    """

    main_score: ClassVar[str | None] = "ents_f"

    def spans(self, doc: Doc) -> Sequence[Span] | None:
        """The entities; None where nothing is known of any token."""
        return doc.ents if len(doc) and not self.unknown(doc).all() else None

    def unknown(self, doc: Doc) -> np.ndarray:
        """Tokens that are neither inside nor outside of an entity. Shape: [tokens of the Doc], bool."""
        unknown: np.ndarray = doc.to_array(ENT_IOB) == 0
        return unknown

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Set the entities; without `overwrite`, those that overlap no entity and no blocked token are added."""
        spans, scores = self.found(doc, predictions)
        if overwrite:
            doc.set_ents(spans)
        else:
            blocked = [doc[token.i : token.i + 1] for token in doc if token.ent_iob_ == "B" and not token.ent_type]
            taken = {i for span in [*doc.ents, *blocked] for i in range(span.start, span.end)}
            added = [span for span in spans if taken.isdisjoint(range(span.start, span.end))]
            doc.set_ents([*doc.ents, *added], blocked=blocked)
        return self.results(spans, scores, predictions)

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`ents_p`, `ents_r`, `ents_f`, `ents_per_type`, as spaCy's own recognizer; None where nothing is annotated."""
        scores: dict[str, Any] = get_ner_prf(examples)
        return scores
