"""The contract of a task, and the half of it that tasks which classify rows share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor
from torch.nn import functional

from cascade.data.batches import Targets
from cascade.errors import GraphError, LabelError
from cascade.graph import Candidates, Edge, Hidden, Labels, Layer, Segments, TaskGraph, Unit, View, out_of_range
from cascade.nn.decoders.base import Classifier, Decoder, Output
from cascade.nn.edges import most_probable
from cascade.nn.layout import Layout
from cascade.nn.recalibration import Method, Recalibration
from cascade.nn.rows import MISSING

Predictions = Mapping[str, np.ndarray]
"""What a task predicts: arrays whose first axis is the rows of its unit."""

Pooling = Literal["max", "mean", "first", "attention"]
"""How the states of tokens become the state of a text."""

_LEAST = 1e-30  # probabilities below are the same to a calibration


@dataclass(kw_only=True)
class Task(ABC):
    """A node of the graph: a specification until the model is initialized.

    Args:
        name: The node's name.
        layer: Where it reads the encoder: the number of a layer, a learned `Mix`, a `Tower` of a sluice network, or
            a `Recurrent` layer of its own.
    """

    name: str = field(default="", kw_only=False)
    layer: Layer = 0
    vocabulary: tuple[str, ...] = field(default=(), init=False, repr=False, compare=False)
    """The labels, fixed when the model is initialized."""

    unit: ClassVar[Unit] = "token"
    reads: ClassVar[Unit] = "token"
    proposes: ClassVar[bool] = False
    """Whether the decoder makes the output rows itself: spans, from the tokens that it reads."""
    carries: ClassVar[tuple[type[Edge], ...]] = (Hidden, Labels)
    takes: ClassVar[tuple[type[Edge], ...]] = (Hidden, Labels, Segments, Candidates)
    extensible: ClassVar[bool] = True
    """Whether labels can be added to those of the data."""
    auxiliary: ClassVar[bool] = False
    """Whether it is only there to be trained: it is not predicted unless asked for by name, and never scored."""
    main_score: ClassVar[str | None] = None
    """Key of the score that stands for the task when the best model is chosen; None: the first that `score` gives."""
    calibrations: ClassVar[tuple[Method, ...]] = ("temperature", "isotonic")
    """How its probabilities can be calibrated without a change of what it predicts."""
    counts: ClassVar[bool] = True
    """Whether that score is one of those whose mean chooses the best model."""

    @property
    def view(self) -> View:
        """How it has the encoder read texts."""
        return "apart"

    @abstractmethod
    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """Collect the labels of training Docs, sorted."""

    @property
    def readable(self) -> tuple[str, ...]:
        """The labels as people call them."""
        return self.vocabulary

    def extended(self, labels: Sequence[str], names: Iterable[str]) -> Sequence[str]:
        """Labels and those of further names, sorted like `labels(docs)`.

        Args:
            labels: What `labels(docs)` gave.
            names: See `readable`; known ones may be among them.
        """
        return sorted({*labels, *names})

    @abstractmethod
    def targets(self, doc: Doc) -> Targets | None:
        """Read gold from a Doc.

        Returns:
            Arrays whose first axis is the Doc's rows; None where the Doc has no gold, which gives no loss.
        """

    @abstractmethod
    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        """Make the decoder.

        Args:
            width: Width of the states that encoder and edges bring.
            labels: The labels.
        """

    @abstractmethod
    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Mean loss per row with gold. Shape: []."""

    @abstractmethod
    def decode(self, output: Output) -> Predictions:
        """Predictions from scores; numpy, first axis rows.

        It may run where matrix products come out in bfloat16, which numpy does not have: take `.float()` of them.
        """

    @abstractmethod
    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Write predictions to a Doc.

        Args:
            doc: The Doc.
            predictions: Those of the Doc's rows.
            overwrite: Whether annotation that is there already is replaced.

        Returns:
            What belongs into `doc._.cascade[pipe][task]`: probabilities and scores.
        """

    @abstractmethod
    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Scores, with the keys of spaCy's Scorer where it has them."""

    def misplaced(self, graph: TaskGraph) -> str | None:
        """Why it cannot be trained in a graph; None where it can."""
        return None

    def blank(self, rows: int) -> Targets:
        """Targets of a Doc without gold."""
        return {"label": np.full(rows, MISSING, dtype=np.int64)}

    def distribution(self, output: Output) -> Tensor:
        """What `Labels` edges weigh label embeddings by. Shape: [rows, labels]."""
        return output.scores["logits"].softmax(-1)

    def distributions(self, output: Output) -> dict[str, Tensor]:
        """All that a model can teach another: `label` is that over the labels. Shape of each: [rows, classes]."""
        return {"label": self.distribution(output)}

    def calibrated(self, output: Output, by: Recalibration) -> Output:
        """The same with calibrated scores; of the `calibrations` of the task."""
        return replace(output, scores={**output.scores, "logits": by.exclusive(output.scores["logits"])})

    def surprisal(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """-log p of what is right, in rows with gold that are still alive: what a temperature minimizes. Shape: [n]."""
        gold, known = self.gold(targets)
        kept = known & output.rows.alive
        return -(gold[kept] * self.distribution(output)[kept].clamp(min=_LEAST).log()).sum(-1)

    def decide(self, distribution: Tensor) -> Tensor:
        """What counts as predicted, for `hard` edges: 1 and 0 by label. Shapes: [rows, labels]."""
        return most_probable(distribution)

    def gold(self, targets: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The distribution that gold stands for, and the rows where there is gold.

        Returns:
            Shapes: [rows, labels] and [rows], bool.
        """
        known = targets["label"] != MISSING
        ids = targets["label"].where(known, 0)
        return functional.one_hot(ids, len(self.vocabulary)).float(), known

    def starts(self, output: Output) -> Tensor:
        """Rows that start a segment, for `Segments` edges. Shape: [rows], bool."""
        raise NotImplementedError

    def gold_starts(self, targets: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The segments that gold stands for, and the rows where there is gold. Shapes: [rows], bool."""
        raise NotImplementedError

    def keep(self, output: Output) -> Tensor:
        """The task's own scores, by which `Candidates` edges keep rows and which they hand on. Shape: [rows]."""
        raise NotImplementedError

    def order(self, output: Output) -> Tensor:
        """The scores by which `Candidates` edges choose rows, where these are not what they hand on. Shape: [rows]."""
        return self.keep(output)

    def gold_rows(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Rows that are right, which `Candidates(gold=True)` edges keep in any case. Shape: [rows], bool."""
        raise NotImplementedError

    def gold_spans(self, targets: Mapping[str, Tensor], layout: Layout) -> Tensor:
        """The right spans in texts that are alive, in order; of tasks that propose spans. Shape: [spans, 2]."""
        raise NotImplementedError

    def ids(self, labels: Iterable[str | None]) -> np.ndarray:
        """Numbers of labels; None and labels outside the vocabulary are `MISSING`. Shape: [labels], int64."""
        numbers = _numbers(self.vocabulary)
        return np.array([MISSING if x is None else numbers.get(x, MISSING) for x in labels], dtype=np.int64)

    def require(self, label: str) -> int:
        """Number of a label.

        Raises:
            LabelError: The task does not know it.
        """
        if label not in self.vocabulary:
            known = ", ".join(self.vocabulary[:8]) + (", ..." if len(self.vocabulary) > 8 else "")
            raise LabelError(
                f"task {self.name!r} does not know the label {label!r}; it was initialized with "
                f"{len(self.vocabulary)} labels ({known}): initialize it again with this one"
            )
        return self.vocabulary.index(label)


def require_choices(task: Task, **choices: Any) -> None:
    """Check settings that are one of a few words.

    Args:
        task: The task.
        choices: The `Literal` of such a setting, by its name.

    Raises:
        GraphError: A setting is none of its words.
    """
    problems = [
        f"{type(task).__name__}({task.name!r}) has no {name}={getattr(task, name)!r}: choose one of "
        + ", ".join(get_args(words))
        for name, words in choices.items()
        if getattr(task, name) not in get_args(words)
    ]
    if problems:
        raise GraphError(problems)


def require_ranges(task: Task, *, sizes: Sequence[str] = (), shares: Sequence[str] = ()) -> None:
    """Check settings that are numbers.

    Args:
        task: The task.
        sizes: Names of settings that have to be 1 or more.
        shares: Names of settings that have to be 0 or more and below 1.

    Raises:
        GraphError: A setting is out of its range.
    """
    problems = out_of_range(f"{type(task).__name__}({task.name!r})", task, sizes=sizes, shares=shares)
    if problems:
        raise GraphError(problems)


def mean_cross_entropy(output: Output, label: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy per row with gold that is still alive; 0 where there is none. Shape: [].

    Args:
        output: With `logits`. Shape of these: [rows, labels].
        label: Numbers of the labels. Shape: [rows].
        smoothing: See `Classification`.
    """
    label = label.where(output.rows.alive, MISSING)
    total = functional.cross_entropy(
        output.scores["logits"], label, ignore_index=MISSING, label_smoothing=smoothing, reduction="sum"
    )
    return total / (label != MISSING).sum().clamp(min=1)


@lru_cache(maxsize=64)
def _numbers(labels: tuple[str, ...]) -> dict[str, int]:
    return {label: i for i, label in enumerate(labels)}


@dataclass(kw_only=True)
class Classification(Task):
    """A task that gives every row one label.

    Args:
        name: See `Task`.
        layer: See `Task`.
        hidden: Width of the classifier's hidden layer.
        dropout: Share of the classifier's inputs and hidden values dropped in training.
        smoothing: Probability mass that the target gives to the other labels (Szegedy et al. 2016, section 7).

    Raises:
        GraphError: A number is out of range.
    """

    hidden: int = 100
    dropout: float = 0.0
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        require_ranges(self, sizes=("hidden",), shares=("dropout", "smoothing"))

    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        """A classifier with one hidden layer."""
        return Classifier(width, hidden=self.hidden, classes=len(labels), dropout=self.dropout)

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Mean cross-entropy per row with gold that is still alive; 0 where there is none."""
        return mean_cross_entropy(output, targets["label"], smoothing=self.smoothing)

    def decode(self, output: Output) -> Predictions:
        """The most probable label of every row, and its probability."""
        probability, label = self.distribution(output).max(-1)
        return {"label": label.cpu().numpy(), "probability": probability.float().cpu().numpy()}
