"""What a graph is written in: units, layers, label sources and edges. All of it is data; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from cascade.errors import GraphError

Unit = Literal["token", "span", "text", "pair"]
"""What a row is; the texts of a question are its passages, and a span is part of a text."""
View = Literal["apart", "together", "asked", "masked"]
"""How texts are read: each by itself, both texts of a pair in one window, or the passages of a question with it."""
Source = Literal["soft", "straight_through", "hard", "gold"]
Boundaries = Literal["gold", "hard"]

POOLS = ("max", "mean", "first", "attention")
CONVERSIONS: Mapping[tuple[Unit, Unit], tuple[str, ...]] = {
    ("token", "span"): POOLS,
    ("token", "text"): POOLS,
    ("token", "pair"): POOLS,
    ("text", "token"): ("broadcast",),
    ("text", "span"): ("broadcast",),
}
PARENTS: Mapping[Unit, Unit] = {"token": "text", "span": "text"}
"""The unit of the row that a row belongs to; rows of other units belong to a Doc."""


@dataclass(frozen=True, kw_only=True)
class Mix:
    """A learned mix of encoder layers: gamma * sum_i softmax(w)_i h_i (Peters et al. 2018, equation 1).

    Args:
        layers: The layers that are mixed; all of them when empty.
    """

    layers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Recurrent:
    """A bidirectional LSTM of the task's own over what its edges bring (Hashimoto et al. 2017, section 2).

    Args:
        width: Hidden units per direction; the states that the task reads and hands on are twice as wide.
        shortcut: Whether the encoder's layer is read beside the edges. A task without edges always reads it.
        layer: The encoder layer that the shortcut reads.
        depth: Stacked LSTM layers.
        dropout: Share of the shortcut's inputs, and of the values between stacked layers, dropped in training.

    Raises:
        GraphError: A number is out of range.
    """

    width: int
    shortcut: bool = True
    layer: int = 0
    depth: int = 1
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _require(out_of_range("Recurrent", self, sizes=("width", "depth"), shares=("dropout",)))


@dataclass(frozen=True)
class Tower:
    """One of the towers of a sluice network, its layers added with learned weights (Ruder et al. 2019, section 2).

    The task reads sum_m beta_m h_m of the tower's layers m, beta unconstrained. One layer alone is read as it is: with
    the highest, and one subspace in the encoder, this is a cross-stitch network (Misra et al. 2016, section 3).

    Args:
        tower: Its name, as the encoder has it.
        layers: The layers that are added; all but layer 0, which has no towers, when empty.
        balanced: Whether all beta begin alike, 1 / layers; else the highest with 0.9, the others with 0.1 together.
    """

    tower: str
    layers: tuple[int, ...] = ()
    balanced: bool = False


Layer = int | Mix | Recurrent | Tower


def layers_read(layer: Layer, depth: int) -> tuple[int, ...]:
    """The encoder layers that a task reads.

    Args:
        layer: The task's `layer`.
        depth: Number of the encoder's highest layer.
    """
    if isinstance(layer, Mix):
        return layer.layers or tuple(range(depth + 1))
    if isinstance(layer, Tower):
        return layer.layers or tuple(range(1, depth + 1))
    return (layer.layer if isinstance(layer, Recurrent) else layer,)


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """A mix of label sources that moves with training (scheduled sampling, Bengio et al. 2015, section 2.4).

    Row by row, `first` is drawn with a probability that falls linearly from 1 to 0 over `epochs`, `then` otherwise.

    Raises:
        GraphError: A source is unknown, or `epochs` is below 1.
    """

    first: Source = "gold"
    then: Source = "soft"
    epochs: int = 5

    def __post_init__(self) -> None:
        problems = _strange_sources("Scheduled", first=self.first, then=self.then)
        _require(problems + out_of_range("Scheduled", self, sizes=("epochs",)))


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What a downstream decoder reads from an upstream one.

    Args:
        convert: How the upstream rows become downstream rows, where their units differ; see `CONVERSIONS`.
    """

    convert: str | None = None
    brings_states: ClassVar[bool] = True

    def describe(self) -> str:
        """Name and the arguments that are not defaults, for tables and error messages."""
        fields = type(self).__dataclass_fields__
        given = [f"{n}={getattr(self, n)!r}" for n, f in fields.items() if getattr(self, n) != f.default]
        return f"{type(self).__name__}({', '.join(given)})"


@dataclass(frozen=True, kw_only=True)
class Hidden(Edge):
    """The upstream decoder's hidden states.

    Args:
        convert: See `Edge`.
        group: Edges of one group are added instead of concatenated.
        detach: Whether the gradient is cut.
        dropout: Share of the values dropped in training.

    Raises:
        GraphError: `dropout` is out of range.
    """

    group: str | None = None
    detach: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _require(out_of_range("Hidden", self, shares=("dropout",)))


@dataclass(frozen=True, kw_only=True)
class Labels(Edge):
    """Label embeddings weighted by the upstream distribution, sum_j p_j l_j (Hashimoto et al. 2017, equation 1).

    Args:
        source: Where p comes from in training: the predicted distribution (`soft`), its argmax with the gradient of the
            distribution (`straight_through`) or without (`hard`), the annotation of the Doc (`gold`; rows without
            annotation fall back to `soft`), or a `Scheduled` mix.
        predict: The same at prediction; `gold` then reads what an earlier component or the caller has written.
        width: Width of the embeddings.
        convert: See `Edge`.
        group: Edges of one group are added instead of concatenated (JMT adds the POS and chunk embeddings).
        detach: Whether the gradient to the upstream task is cut; the embeddings still learn.
        dropout: Share of the values dropped in training.

    Raises:
        GraphError: A source is unknown, or a number is out of range.
    """

    source: Source | Scheduled = "soft"
    predict: Source = "soft"
    width: int = 100
    group: str | None = None
    detach: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        named = {} if isinstance(self.source, Scheduled) else {"source": self.source}
        problems = _strange_sources("Labels", **named, predict=self.predict)
        _require(problems + out_of_range("Labels", self, sizes=("width",), shares=("dropout",)))


@dataclass(frozen=True, kw_only=True)
class Segments(Edge):
    """Boundaries inside which the downstream task decodes, such as sentences for a parser.

    Args:
        source: In training, the gold boundaries where the Doc has them (`gold`) or the predicted ones (`hard`).
        predict: The same at prediction.

    Raises:
        GraphError: A source is unknown.
    """

    source: Boundaries = "gold"
    predict: Boundaries = "hard"
    brings_states: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _require(_strange_sources("Segments", Boundaries, source=self.source, predict=self.predict))


@dataclass(frozen=True)
class Candidates(Edge):
    """The rows that the upstream task kept, with their scores; the others cost the encoder nothing from there on.

    Args:
        k: Rows kept per parent row.
        gold: Whether rows that are right are forced in while training.
        predict: Rows kept at prediction; `k` when None.

    Raises:
        GraphError: `k` or `predict` is below 1.
    """

    k: int
    gold: bool = False
    predict: int | None = None
    brings_states: ClassVar[bool] = False

    def __post_init__(self) -> None:
        sizes = ("k",) if self.predict is None else ("k", "predict")
        _require(out_of_range("Candidates", self, sizes=sizes))


def out_of_range(owner: str, spec: object, *, sizes: Sequence[str] = (), shares: Sequence[str] = ()) -> list[str]:
    """What is wrong with the numbers of a specification.

    Args:
        owner: What messages call it.
        spec: The specification.
        sizes: Names of fields that have to be 1 or more.
        shares: Names of fields that have to be 0 or more and below 1.
    """
    problems = [
        f"{owner}: {n} has to be 1 or more, got {n}={getattr(spec, n)}" for n in sizes if not getattr(spec, n) >= 1
    ]
    return problems + [
        f"{owner}: {n} has to be 0 or more and below 1, got {n}={getattr(spec, n)}"
        for n in shares
        if not 0 <= getattr(spec, n) < 1
    ]


def _strange_sources(owner: str, known: Any = Source, **sources: str) -> list[str]:
    return [
        f"{owner} has no {name}={source!r}: choose one of {', '.join(get_args(known))}"
        for name, source in sources.items()
        if source not in get_args(known)
    ]


def _require(problems: list[str]) -> None:
    if problems:
        raise GraphError(problems)
