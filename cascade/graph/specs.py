"""What a graph is written in: units, layers, label sources and edges. All of it is data; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

Unit = Literal["token", "span", "text", "pair", "passage"]
Source = Literal["soft", "straight_through", "hard", "gold"]

POOLS = ("max", "mean", "first", "attention")
CONVERSIONS: Mapping[tuple[Unit, Unit], tuple[str, ...]] = {
    ("token", "span"): POOLS,
    ("token", "text"): POOLS,
    ("token", "pair"): POOLS,
    ("text", "token"): ("broadcast",),
    ("passage", "span"): ("gather",),
}


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
    """

    width: int
    shortcut: bool = True
    layer: int = 0
    depth: int = 1
    dropout: float = 0.0


Layer = int | Mix | Recurrent


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """A mix of label sources that moves with training (scheduled sampling, Bengio et al. 2015, section 2.4).

    Row by row, `first` is drawn with a probability that falls linearly from 1 to 0 over `epochs`, `then` otherwise.
    """

    first: Source = "gold"
    then: Source = "soft"
    epochs: int = 5


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
    """

    group: str | None = None
    detach: bool = False
    dropout: float = 0.0


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
    """

    source: Source | Scheduled = "soft"
    predict: Source = "soft"
    width: int = 100
    group: str | None = None
    detach: bool = False
    dropout: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Segments(Edge):
    """Boundaries inside which the downstream task decodes, such as sentences for a parser.

    Args:
        source: In training, the gold boundaries where the Doc has them (`gold`) or the predicted ones (`hard`).
        predict: The same at prediction.
    """

    source: Literal["gold", "hard"] = "gold"
    predict: Literal["gold", "hard"] = "hard"
    brings_states: ClassVar[bool] = False


@dataclass(frozen=True)
class Candidates(Edge):
    """The rows that the upstream task kept, with their scores; the others cost the encoder nothing from there on.

    Args:
        k: Rows kept per parent row.
        gold: Whether rows with gold are forced in while training.
    """

    k: int
    gold: bool = False
    brings_states: ClassVar[bool] = False
