"""Labelled spans that do not overlap, as IOBES tags: what chunking and named entities have in common."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Literal, cast

import numpy as np
from spacy.tokens import Doc, Span
from spacy.util import filter_spans
from torch import Tensor

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.errors import LabelError
from cascade.nn.decoders.base import Decoder, Output
from cascade.nn.decoders.chain import ConstrainedTagger, CrfTagger
from cascade.nn.recalibration import Method, Recalibration
from cascade.nn.rows import MISSING
from cascade.nn.structs.iobes import Iobes
from cascade.tasks.base import Predictions, Task, require_choices, require_ranges

Decoders = Literal["crf", "softmax"]


@dataclass(kw_only=True)
class SpanTagging(Task):
    """A task that marks spans by a tag per token.

    Args:
        name: See `Task`.
        layer: See `Task`.
        decoder: `crf`, or `softmax`: tags classified one by one, of which the best legal sequence is taken.
        hidden: Width of the classifier's hidden layer.
        dropout: Share of the classifier's inputs and hidden values dropped in training.

    Raises:
        GraphError: `decoder` is none of its words, or a number is out of range.
    """

    decoder: Decoders = "crf"
    hidden: int = 100
    dropout: float = 0.0

    calibrations: ClassVar[tuple[Method, ...]] = ("temperature",)

    def __post_init__(self) -> None:
        require_choices(self, decoder=Decoders)
        require_ranges(self, sizes=("hidden",), shares=("dropout",))

    @abstractmethod
    def spans(self, doc: Doc) -> Sequence[Span] | None:
        """Gold spans; None where the Doc has no gold."""

    def unknown(self, doc: Doc) -> np.ndarray:
        """Tokens of an annotated Doc of which nothing is known. Shape: [tokens of the Doc], bool."""
        return np.zeros(len(doc), dtype=bool)

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """The IOBES tags of every span label that occurs."""
        found = sorted({span.label_ for doc in docs for span in self.spans(doc) or () if span.label_})
        return Iobes(found).tags if found else ()

    @property
    def readable(self) -> tuple[str, ...]:
        """The labels of the spans."""
        return _scheme(self.vocabulary).labels if self.vocabulary else ()

    def extended(self, labels: Sequence[str], names: Iterable[str]) -> Sequence[str]:
        """The IOBES tags of all span labels."""
        known = _scheme(tuple(labels)).labels if labels else ()
        return Iobes(sorted({*known, *names})).tags

    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        """The decoder named by `decoder`.

        Raises:
            LabelError: The labels are not the IOBES tags of some span labels.
        """
        make = CrfTagger if self.decoder == "crf" else ConstrainedTagger
        return make(width, hidden=self.hidden, allowed=_scheme(tuple(labels)).allowed, dropout=self.dropout)

    def targets(self, doc: Doc) -> Targets | None:
        """Tags. Spans of unknown labels are `MISSING`; of spans that overlap, the longest counts."""
        gold = self.spans(doc)
        if gold is None:
            return None
        scheme, places = _scheme(self.vocabulary), documents.tokens(doc)
        chunks, missing = [], self.unknown(doc)[places]
        for span in filter_spans(gold):
            inside = np.flatnonzero((places >= span.start) & (places < span.end))
            if span.label_ not in scheme.labels or np.any(np.diff(inside) > 1):
                missing[inside] = True
            elif len(inside):
                chunks.append((int(inside[0]), int(inside[-1]) + 1, span.label_))
        return {"label": np.where(missing, MISSING, scheme.encode(chunks, len(places)))}

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Mean loss per row with gold that is still alive."""
        tags = targets["label"].where(output.rows.alive, MISSING)
        return _tagger(output).loss(output.scores, tags, output.rows)

    def distribution(self, output: Output) -> Tensor:
        """Marginals of the tags. Shape: [rows, labels]."""
        return _tagger(output).marginals(output.scores, output.rows)

    def calibrated(self, output: Output, by: Recalibration) -> Output:
        """The same with the scores of whole sequences divided by the temperature."""
        return replace(output, scores=_tagger(output).cooled(output.scores, by.temperature, output.rows))

    def decode(self, output: Output) -> Predictions:
        """The best legal tags inside every segment (or text).

        Returns:
            `label`; `probability`, that of the tag; `step`, that of the tag given the tag before it where it goes on
            with a span, so that the steps of a span multiply to the probability of the span.
        """
        tagger, rows = _tagger(output), output.rows
        tags = tagger.best(output.scores, rows)
        probability = tagger.marginals(output.scores, rows).gather(1, tags[:, None]).squeeze(1)
        starts = tagger.chain.allowed_starts[tags]
        step = probability.where(starts, tagger.conditionals(output.scores, tags, rows))
        return {
            "label": tags.cpu().numpy(),
            "probability": probability.float().cpu().numpy(),
            "step": step.float().cpu().numpy(),
        }

    def found(self, doc: Doc, predictions: Predictions) -> tuple[list[Span], np.ndarray]:
        """Predicted spans and their probabilities. Shape of these: [spans]."""
        places, steps = documents.tokens(doc).tolist(), predictions["step"].tolist()
        chunks = _scheme(self.vocabulary).decode(predictions["label"])
        spans = [Span(doc, places[start], places[end - 1] + 1, label=label) for start, end, label in chunks]
        return spans, np.array([math.prod(steps[start:end]) for start, end, _ in chunks], dtype=np.float32)

    @staticmethod
    def results(spans: Sequence[Span], scores: np.ndarray, predictions: Predictions) -> dict[str, Any]:
        """`probabilities` per row, and `spans`: [start, end, label, probability], in tokens of the Doc."""
        listed = [[s.start, s.end, s.label_, p] for s, p in zip(spans, scores.tolist(), strict=True)]
        return {"probabilities": predictions["probability"], "spans": listed}


@lru_cache(maxsize=64)
def _scheme(tags: tuple[str, ...]) -> Iobes:
    labels = tuple(dict.fromkeys(tag[2:] for tag in tags if tag != "O"))
    scheme = Iobes(labels)
    if scheme.tags != tags:
        raise LabelError(
            f"expected the IOBES tags of span labels, {', '.join(scheme.tags[:6])}, ..., got {', '.join(tags[:6])}, "
            "...: name them as cascade.nn.structs.Iobes(labels).tags does"
        )
    return scheme


def _tagger(output: Output) -> ConstrainedTagger:
    return cast(ConstrainedTagger, output.decoder)
