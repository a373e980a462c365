"""Scores and speed of a whole spaCy pipeline, whichever components it has, on annotated Docs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

import numpy as np
from spacy.attrs import SENT_START
from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example

from cascade import docs as documents
from cascade.evaluation.evaluate import bare_copy

Tokens = Literal["gold", "raw"]
Boundaries = Literal["predicted", "gold"]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a pipeline scored.

    Attributes:
        scores: Scores by the keys of spaCy's Scorer, those broken down by type among them; without the keys for which
            the Docs had no gold, and with `words_per_second`.
        docs: Number of Docs.
        words: Number of tokens that the pipeline was given.
    """

    scores: Mapping[str, Any]
    docs: int
    words: int


def evaluate_pipeline(
    nlp: Language,
    docs: Sequence[Doc],
    *,
    tokens: Tokens = "gold",
    sentences: Boundaries = "predicted",
    tag_separator: str | None = None,
) -> Evaluation:
    """Score a pipeline: each component by its own `score`, as `nlp.evaluate` does.

    The time is that of one pass of `nlp.pipe` over Docs without annotation, which are made before the clock starts.

    Args:
        nlp: The pipeline. With gold sentences, a component of it that predicts boundaries has to leave those that are
            set, as spaCy's parser does.
        docs: Docs with gold, of the pipeline's own vocabulary.
        tokens: `gold` for the Docs' tokens; `raw` for those that the pipeline's tokenizer makes of the text, which are
            then scored where they can be aligned.
        sentences: `gold` sets the Docs' boundaries beforehand; they are then no score.
        tag_separator: Where predicted tags end. Data converted by `spacy convert -m` have tags such as
            `NN__Number=Sing`, which `__` cuts to `NN`.
    """
    inputs = [_input(nlp, doc, tokens, sentences) for doc in docs]
    predicted, seconds = timed_pipe(nlp, inputs)
    if tag_separator is not None:
        for doc in predicted:
            _cut_tags(doc, tag_separator)
    examples = [Example(found, gold) for found, gold in zip(predicted, docs, strict=True)]
    words = sum(map(len, predicted))
    dropped = ("token_",) * (tokens == "gold") + ("sents_",) * (sentences == "gold")
    scores = {key: value for key, value in _known(Scorer(nlp).score(examples)).items() if not key.startswith(dropped)}
    return Evaluation(scores={**scores, "words_per_second": words / seconds}, docs=len(docs), words=words)


def timed_pipe(nlp: Language, docs: Sequence[Doc]) -> tuple[list[Doc], float]:
    """Run a pipeline over Docs.

    Returns:
        The Docs with its annotation, and the seconds that it took.
    """
    start = perf_counter()
    annotated = list(nlp.pipe(docs))
    return annotated, perf_counter() - start


def _input(nlp: Language, gold: Doc, tokens: Tokens, sentences: Boundaries) -> Doc:
    doc = bare_copy(gold) if tokens == "gold" else _tokenized(nlp, gold)
    if sentences == "gold" and len(doc) and gold.has_annotation("SENT_START"):
        starts = [-1 if start is False else int(start or 0) for start in _starts(doc, gold)]
        documents.assign(doc, [SENT_START], np.array(starts, dtype=np.int64).astype(np.uint64))
    return doc


def _tokenized(nlp: Language, gold: Doc) -> Doc:
    doc = nlp.make_doc(gold.text)
    if documents.is_pair(gold):
        ends = [(span.start_char, span.end_char) for span in gold.spans[documents.PAIR]]
        spans = [doc.char_span(start, end, alignment_mode="expand") for start, end in ends]
        doc.spans[documents.PAIR] = SpanGroup(doc, name=documents.PAIR, spans=[span for span in spans if span])
    return doc


def _starts(doc: Doc, gold: Doc) -> list[bool | None]:
    """Whether each token starts a sentence, by the character at which it stands."""
    known = {token.idx: token.is_sent_start for token in gold}
    return [known.get(token.idx, False) for token in doc]


def _cut_tags(doc: Doc, separator: str) -> None:
    for token in doc:
        token.tag_ = token.tag_.split(separator)[0]


def _known(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Scores that there was gold for, in Python's own numbers."""
    kept: dict[str, Any] = {}
    for key, value in scores.items():
        if isinstance(value, Mapping):
            kept[key] = _known(value)
        elif value is not None and math.isfinite(value):
            kept[key] = float(value)
    return {key: value for key, value in kept.items() if value != {}}
