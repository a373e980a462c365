"""Sentence boundaries: whether a token starts a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from spacy.attrs import SENT_START
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.graph import Edge, Hidden, Labels, Segments
from cascade.nn.decoders.base import Output
from cascade.nn.recalibration import Method
from cascade.nn.rows import MISSING
from cascade.tasks.base import Classification, Predictions, require_ranges


@dataclass(kw_only=True)
class Sentences(Classification):
    """Predicts sentence boundaries; its `Segments` edges carry them.

    Args:
        name: See `Task`.
        layer: See `Task`.
        hidden: See `Classification`.
        dropout: See `Classification`.
        smoothing: See `Classification`.
        threshold: A token starts a sentence where the probability is above it; lower, and sentences are shorter.
            `Segments` edges follow it, `Labels` edges know nothing of it.

    Raises:
        GraphError: A number is out of range.
    """

    threshold: float = 0.5

    carries: ClassVar[tuple[type[Edge], ...]] = (Hidden, Labels, Segments)
    extensible: ClassVar[bool] = False
    calibrations: ClassVar[tuple[Method, ...]] = ("temperature",)
    main_score: ClassVar[str | None] = "sents_f"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_ranges(self, shares=("threshold",))

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """I (inside) and S (start), whatever the Docs."""
        return ("I", "S")

    def targets(self, doc: Doc) -> Targets | None:
        """1 where a sentence starts; None where no boundary is known.

        A sentence that starts with white space starts at its first word, and every text starts one.
        """
        places = documents.tokens(doc)
        if len(places) == 0 or not _annotated(doc):
            return None
        values = doc.to_array(SENT_START).astype(np.int64)
        started = np.cumsum(values == 1)[places]
        label = np.where(np.diff(started, prepend=0) > 0, 1, np.where(values[places] == 0, MISSING, 0))
        label[np.isin(places, _first_words(doc))] = 1
        return {"label": label}

    def starts(self, output: Output) -> Tensor:
        """Rows where the probability of a start is above the threshold."""
        return self.distribution(output)[:, 1] > self.threshold

    def decode(self, output: Output) -> Predictions:
        """Whether each row is a start, and the probability of what it is."""
        label = self.starts(output).long()
        probability = self.distribution(output).gather(-1, label[:, None]).squeeze(-1)
        return {"label": label.cpu().numpy(), "probability": probability.float().cpu().numpy()}

    def gold_starts(self, targets: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Gold starts, and where they are known."""
        return targets["label"] == 1, targets["label"] != MISSING

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Set the boundaries; white space belongs to the sentence before it, in front of all words to the first."""
        places = documents.tokens(doc)
        starts = np.zeros(len(doc), dtype=bool)
        starts[places] = predictions["label"] == 1
        starts[_first_words(doc)] = True
        if len(places):
            starts[: places.min() + 1] = False
        starts[:1] = True
        values = np.where(starts, 1, -1).astype(np.int64).astype(np.uint64)
        documents.write(doc, SENT_START, values[places], space=values[documents.spaces(doc)], overwrite=overwrite)
        return {"probabilities": predictions["probability"]}

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`sents_p`, `sents_r`, `sents_f`."""
        scores: dict[str, Any] = Scorer.score_spans(examples, "sents", has_annotation=_annotated)
        del scores["sents_per_type"]
        return scores


def _annotated(doc: Doc) -> bool:
    # A single token always starts a sentence, so that spaCy takes it for annotated.
    return len(doc) > 1 and bool(doc.has_annotation("SENT_START"))


def _first_words(doc: Doc) -> list[int]:
    return [int(text[0]) for text in documents.texts(doc) if len(text)]
