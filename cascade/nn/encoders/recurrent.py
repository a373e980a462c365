"""Words as vectors with bidirectional LSTMs above."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from cascade.nn.encoders.base import Encoder, Features, State, narrowed
from cascade.nn.encoders.embedding import Embedding, WordEmbedding
from cascade.nn.encoders.words import word_features
from cascade.nn.lstm import BiLSTM
from cascade.nn.rows import Rows


@dataclass(frozen=True, kw_only=True)
class Recurrent:
    """Bidirectional LSTMs, one a layer, over `Embedding`.

    Args:
        embedding: Layer 0.
        width: Hidden units per direction; layers 1 and up are twice as wide.
        depth: Number of the highest layer.
        dropout: Share of each LSTM's inputs dropped in training.
    """

    embedding: Embedding = field(default_factory=Embedding)
    width: int = 100
    depth: int = 2
    dropout: float = 0.2

    def build(self, assets: Mapping[str, bytes] | None = None) -> RecurrentEncoder:
        """Make the module."""
        return RecurrentEncoder(self)


class RecurrentEncoder(Encoder):
    """A stack of bidirectional LSTMs; the carry is the highest layer's states of the rows that are left.

    Args:
        spec: What to build.
    """

    def __init__(self, spec: Recurrent) -> None:
        super().__init__()
        self.embedding = WordEmbedding(spec.embedding)
        self.widths = (self.embedding.width, *[2 * spec.width] * spec.depth)
        self.layers = nn.ModuleList(BiLSTM(width, spec.width) for width in self.widths[:-1])
        self.dropout = nn.Dropout(spec.dropout)

    def prepare(self, texts: Iterable[Sequence[str]]) -> None:
        """Fill the vocabulary."""
        self.embedding.vocabulary.fill(texts)

    def features(self, texts: Sequence[Sequence[str]]) -> Features:
        """Hash the words; see `word_features`."""
        return word_features(texts)

    def embed(self, features: Features, rows: Rows) -> State:
        """Layer 0: the vectors."""
        states = self.embedding(features)
        return State(rows=rows, index=None, total=len(rows)).reached(states, carry=states)

    def step(self, state: State) -> State:
        """One LSTM higher."""
        layer = self.layers[len(state.layers) - 1]
        states = layer(self.dropout(state.carry), state.rows)
        return state.reached(states, carry=states)

    def narrow(self, state: State, keep: Tensor) -> State:
        """Go on with some of the texts only."""
        return narrowed(state, keep, state.carry[keep])
