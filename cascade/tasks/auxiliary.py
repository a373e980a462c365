"""What self-supervised tasks share: their gold is the text itself, and nobody wants their predictions."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.graph import Edge, Hidden
from cascade.nn.decoders.base import Output
from cascade.nn.recalibration import Method
from cascade.tasks.base import Predictions, Task, require_ranges


@dataclass(kw_only=True)
class Auxiliary(Task):
    """A task that every text has gold for, its own words: it helps others to learn, and is left out of all else.

    Args:
        name: See `Task`.
        layer: See `Task`.
        words: Words that are told apart, the most frequent ones of the training texts; others are not predicted.

    Raises:
        GraphError: A number is out of range.
    """

    words: int = 7500

    auxiliary: ClassVar[bool] = True
    carries: ClassVar[tuple[type[Edge], ...]] = (Hidden,)
    calibrations: ClassVar[tuple[Method, ...]] = ()
    extensible: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_ranges(self, sizes=("words",))

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """The most frequent words in lower case, sorted; of those that are equally frequent, the first ones."""
        counts = Counter(word for doc in docs for word in _lower(doc))
        return sorted(sorted(counts, key=lambda word: (-counts[word], word))[: self.words])

    def numbers(self, doc: Doc) -> np.ndarray:
        """Numbers of a Doc's words, `MISSING` where they are none that is told apart. Shape: [tokens]."""
        return self.ids(_lower(doc))

    @abstractmethod
    def targets(self, doc: Doc) -> Targets | None:
        """The words, as the task is to find them."""

    @abstractmethod
    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Mean loss per row. Shape: []."""

    def decode(self, output: Output) -> Predictions:
        """The most probable word of every row."""
        return {"label": output.scores["logits"].argmax(-1).cpu().numpy()}

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Nothing is written: the words are there already."""
        return {}

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """No scores: the loss says all."""
        return {}


def _lower(doc: Doc) -> list[str]:
    return [word.lower() for text in documents.words(doc) for word in text]
