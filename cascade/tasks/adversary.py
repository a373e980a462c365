"""The adversary of shared states: which domain a text is from, as something that they should not tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.errors import GraphError, LabelError
from cascade.graph import Edge, Hidden, TaskGraph, Unit
from cascade.nn.decoders.base import Decoder
from cascade.nn.decoders.discriminator import Discriminator
from cascade.nn.recalibration import Method
from cascade.tasks.base import Classification, Pooling, Predictions, require_choices, require_ranges


@dataclass(kw_only=True)
class Adversary(Classification):
    """Learns the domain of a text while what it reads unlearns it, by gradient reversal (Liu et al. 2017, section 4.2).

    The domain, which may be the data set of a task, stands in `doc._.domain`. Over the layer that all tasks share this
    is domain-adversarial training (Ganin et al. 2016, section 4.2): Docs of another domain need no other gold. Tasks
    that read it by a `Hidden` edge, beside a `Recurrent` layer of their own, make a shared-private network; the edge
    carries the states before the reversal. The regularizer `Orthogonality` keeps the two kinds of states apart.

    Args:
        name: See `Task`.
        layer: See `Task`; what is shared.
        hidden: See `Classification`.
        dropout: See `Classification`.
        smoothing: See `Classification`.
        pool: How the states of tokens become the state of a text.
        strength: lambda, what the gradient is multiplied with where it is reversed.
        ramp: Epochs over which lambda rises as 2 / (1 + exp(-10 p)) - 1; None: it is there from the beginning. Under
            `spacy train` it stays 0 without `@callbacks = "cascade.Epoch.v1"` in `[training.before_update]`.

    Raises:
        GraphError: `pool` is none of its words, or a number is out of range.
    """

    pool: Pooling = "max"
    strength: float = 0.05
    ramp: int | None = None

    unit: ClassVar[Unit] = "text"
    carries: ClassVar[tuple[type[Edge], ...]] = (Hidden,)
    calibrations: ClassVar[tuple[Method, ...]] = ()
    counts: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choices(self, pool=Pooling)
        require_ranges(self, sizes=() if self.ramp is None else ("ramp",))
        if not self.strength > 0:
            raise GraphError([f"Adversary({self.name!r}): strength has to be above 0, got strength={self.strength}"])

    def misplaced(self, graph: TaskGraph) -> str | None:
        """It is one where no other task shares what it reads."""
        if len(graph.names()) > 1:
            return None
        return f"task {self.name!r} is an adversary, but the graph has no task for it to be one of: add such a task"

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """Every domain."""
        return sorted({name for doc in docs if (name := documents.domain(doc)) is not None})

    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        """A classifier behind a gradient reversal.

        Raises:
            LabelError: There is one domain only.
        """
        if len(labels) < 2:
            raise LabelError(
                f"task {self.name!r} tells domains apart, got {', '.join(labels)} alone: set doc._.domain in Docs of "
                "two domains or more, or take the task out of the graph"
            )
        return Discriminator(
            width,
            hidden=self.hidden,
            classes=len(labels),
            dropout=self.dropout,
            strength=self.strength,
            epochs=self.ramp,
        )

    def targets(self, doc: Doc) -> Targets | None:
        """The domain, of both texts where the Doc is a pair; None where it is not known."""
        name = documents.domain(doc)
        return {"label": self.ids([name] * len(documents.texts(doc)))} if name in self.vocabulary else None

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Set the domain where it is not known: a guess, as bad as it can be, never replaces it."""
        if documents.domain(doc) is None and len(predictions["label"]):
            documents.set_domain(doc, self.vocabulary[predictions["label"][0]])
        return {"probabilities": predictions["probability"]}

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`NAME_acc`, the share of right domains: at best what the most frequent one has."""
        pairs = [(documents.domain(e.predicted), documents.domain(e.reference)) for e in examples]
        right = [found == gold for found, gold in pairs if gold is not None]
        return {f"{self.name}_acc": float(np.mean(right)) if right else None}
