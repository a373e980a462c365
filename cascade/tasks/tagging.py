"""Tagging: one value of a token attribute per token (part of speech, morphology)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from spacy.attrs import IDS
from spacy.parts_of_speech import IDS as UNIVERSAL
from spacy.scorer import Scorer
from spacy.tokens import Doc, MorphAnalysis
from spacy.training import Example

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.tasks.base import Classification, Predictions

SPACE = {"TAG": "_SP", "POS": "SPACE", "MORPH": ""}


@dataclass(kw_only=True)
class Tagging(Classification):
    """Predicts one attribute of every token.

    Args:
        name: See `Task`.
        attribute: `TAG` (the treebank's own tags), `POS` (universal tags) or `MORPH` (features as one string).
        layer: See `Task`.
        hidden: See `Classification`.
        dropout: See `Classification`.
        smoothing: See `Classification`.
    """

    attribute: Literal["TAG", "POS", "MORPH"] = "TAG"

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """Every value that occurs."""
        return sorted({value for doc in docs for value in self._values(doc) if value is not None})

    def targets(self, doc: Doc) -> Targets | None:
        """Numbers of the values; None where no token has one."""
        if not doc.has_annotation(self.attribute):
            return None
        return {"label": self.ids(self._values(doc))}

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Set the attribute; white space gets `_SP` and `SPACE`."""
        if self.attribute == "MORPH":
            add = doc.vocab.morphology.add
            values = np.array([add(label) for label in self.vocabulary], dtype=np.uint64)
            space = add("")
        else:
            values = documents.strings(doc, self.vocabulary)
            if self.attribute == "POS":
                values = np.array([UNIVERSAL[label] for label in self.vocabulary], dtype=np.uint64)
            space = UNIVERSAL["SPACE"] if self.attribute == "POS" else doc.vocab.strings.add("_SP")
        documents.write(doc, IDS[self.attribute], values[predictions["label"]], space=space, overwrite=overwrite)
        return {"probabilities": predictions["probability"]}

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`tag_acc`, `pos_acc` or `morph_acc` as spaCy's Scorer defines them."""
        if self.attribute != "MORPH":
            return Scorer.score_token_attr(examples, self.attribute.lower())
        scores: dict[str, Any] = Scorer.score_token_attr(examples, "morph", getter=_morph)
        return scores

    def _values(self, doc: Doc) -> list[str | None]:
        places = documents.tokens(doc)
        if self.attribute == "MORPH":
            return [str(doc[int(i)].morph) if doc[int(i)].has_morph() else None for i in places]
        strings = doc.vocab.strings
        return [strings[v] or None for v in doc.to_array([self.attribute]).reshape(-1)[places]] if len(doc) else []


def _morph(token: Any, attribute: str) -> int:
    morph: MorphAnalysis = getattr(token, attribute)
    return morph.key
