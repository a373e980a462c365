"""Tagging: one value of a token attribute per token (part of speech, morphology)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from spacy.attrs import IDS
from spacy.morphology import Morphology
from spacy.parts_of_speech import IDS as UNIVERSAL
from spacy.scorer import Scorer
from spacy.tokens import Doc, Token
from spacy.training import Example

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.tasks.base import Classification, Predictions, require_choices

Attribute = Literal["TAG", "POS", "MORPH"]

SPACE = {"TAG": "_SP", "POS": "SPACE", "MORPH": ""}
"""Values of white-space tokens, as spaCy sets them."""


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

    Raises:
        GraphError: `attribute` is none of its words, or a number is out of range.
    """

    attribute: Attribute = "TAG"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choices(self, attribute=Attribute)

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """Every value that occurs."""
        return sorted({value for doc in docs for value in self._values(doc) if value is not None})

    def targets(self, doc: Doc) -> Targets | None:
        """Numbers of the values; None where no token has one."""
        values = self._values(doc)
        return None if all(value is None for value in values) else {"label": self.ids(values)}

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Set the attribute; white space gets `_SP`, `SPACE` or no features."""
        value: Callable[[str], int] = {
            "TAG": doc.vocab.strings.add,
            "POS": UNIVERSAL.__getitem__,
            "MORPH": doc.vocab.morphology.add,
        }[self.attribute]
        values = documents.lookup(predictions["label"], lambda number: value(self.vocabulary[number]))
        documents.write(doc, IDS[self.attribute], values, space=value(SPACE[self.attribute]), overwrite=overwrite)
        return {"probabilities": predictions["probability"]}

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`tag_acc`, `pos_acc` or `morph_acc` as spaCy's Scorer defines them."""
        getter = _features if self.attribute == "MORPH" else getattr
        scores: dict[str, Any] = Scorer.score_token_attr(examples, self.attribute.lower(), getter=getter)
        return scores

    def _values(self, doc: Doc) -> list[str | None]:
        """Values of the rows; None where there is none."""
        strings, values = doc.vocab.strings, doc.to_array(self.attribute)[documents.tokens(doc)].tolist()
        names: dict[int, str | None] = {value: strings[value] for value in set(values)}
        names[0] = None
        if self.attribute == "MORPH":
            names[strings[Morphology.EMPTY_MORPH]] = ""
        return [names[value] for value in values]


def _features(token: Token, attribute: str) -> int:
    morph: Any = token.morph
    key: int = morph.key
    return key
