"""Lemmas: a rule per token, an edit tree in the main, which is applied to its form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from spacy.attrs import LEMMA, ORTH
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.nn.decoders.base import Output
from cascade.tasks.base import Classification, Predictions
from cascade.tasks.edit_trees import Forest, lemma_rule


@dataclass(kw_only=True)
class Lemmas(Classification):
    """Predicts the edit tree from form to lemma, as spaCy's `trainable_lemmatizer` does, and what becomes of capitals.

    Args:
        name: See `Task`.
        layer: See `Task`.
        hidden: See `Classification`.
        dropout: See `Classification`.
        smoothing: See `Classification`.
        min_freq: How many training tokens a tree must explain to be learned; tokens of rarer ones give no loss.
        top_k: How many trees are tried, the most probable first. Where none fits, the form is the lemma.
    """

    min_freq: int = 3
    top_k: int = 3

    extensible: ClassVar[bool] = False

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """Every tree that is frequent enough."""
        pairs = Counter(pair for doc in docs for pair in _pairs(doc) if pair[1])
        trees: Counter[str] = Counter()
        for pair, count in pairs.items():
            trees[lemma_rule(*pair)] += count
        return sorted(tree for tree, count in trees.items() if count >= self.min_freq)

    @property
    def readable(self) -> tuple[str, ...]:
        """None: nobody can read edit trees."""
        return ()

    def targets(self, doc: Doc) -> Targets | None:
        """Numbers of the trees; None where no token has a lemma."""
        if not doc.has_annotation("LEMMA"):
            return None
        return {"label": self.ids(lemma_rule(*pair) if pair[1] else None for pair in _pairs(doc))}

    def decode(self, output: Output) -> Predictions:
        """The `top_k` most probable trees of every row, and their probabilities. Shape of both: [rows, k]."""
        probability, label = self.distribution(output).topk(min(self.top_k, len(self.vocabulary)))
        return {"label": label.cpu().numpy(), "probability": probability.float().cpu().numpy()}

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Set the lemmas; white space is its own lemma. The probability is that of the most probable tree."""
        orth, strings = doc.to_array(ORTH), doc.vocab.strings
        forms = orth[documents.tokens(doc)].tolist()
        forest, trees = _forest(self.vocabulary), predictions["label"].tolist()
        lemmas = (_lemma(forest, strings[form], own) for form, own in zip(forms, trees, strict=True))
        values = np.fromiter(map(strings.add, lemmas), dtype=np.uint64, count=len(forms))
        documents.write(doc, LEMMA, values, space=orth[documents.spaces(doc)], overwrite=overwrite)
        return {"probabilities": predictions["probability"][:, 0]}

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`lemma_acc` as spaCy's Scorer defines it."""
        scores: dict[str, Any] = Scorer.score_token_attr(examples, "lemma")
        return scores


@lru_cache(maxsize=8)
def _forest(labels: tuple[str, ...]) -> Forest:
    return Forest(labels)


def _lemma(forest: Forest, form: str, trees: Iterable[int]) -> str:
    for tree in trees:
        if lemma := forest.apply(tree, form):
            return lemma
    return form


def _pairs(doc: Doc) -> Iterator[tuple[str, str]]:
    """Form and lemma of every row; the lemma is empty where there is none."""
    strings = doc.vocab.strings
    values = doc.to_array([ORTH, LEMMA])[documents.tokens(doc)] if len(doc) else ()
    return ((strings[form], strings[lemma]) for form, lemma in values)
