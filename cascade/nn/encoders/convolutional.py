"""Hashed word features with windows of three words above: the encoder for speed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from cascade.nn.encoders.base import Encoder, Features, State, narrowed
from cascade.nn.encoders.words import HASHES, CharacterBag, Vocabulary, spread, word_features
from cascade.nn.precision import lowered
from cascade.nn.rows import Rows


@dataclass(frozen=True, kw_only=True)
class Convolutional:
    """Hashed word features, then residual blocks that each see one word further to both sides.

    Args:
        width: Width of every layer.
        depth: Number of the highest layer; layer i sees i words to each side.
        words: Width of the word vectors.
        parts: Width of the vectors of lower-cased form, prefixes, suffixes and shape.
        characters: Width of the character n-gram vectors.
        vocabulary: Words at most that have a vector of their own.
        minimum: How often a word must occur in the training texts to have one.
        alpha: Strength of word dropout; see `Vocabulary`.
        buckets: Rows that parts, and likewise n-grams, are hashed into.
        dropout: Share of the values dropped after each layer in training.
    """

    width: int = 128
    depth: int = 4
    words: int = 64
    parts: int = 32
    characters: int = 64
    vocabulary: int = 20_000
    minimum: int = 1
    alpha: float = 0.25
    buckets: int = 10_000
    dropout: float = 0.2

    def build(self, assets: Mapping[str, bytes] | None = None) -> ConvolutionalEncoder:
        """Make the module."""
        return ConvolutionalEncoder(self)


class HashedParts(nn.Module):
    """Vectors of a word's hashed parts, each the sum of two rows that the two halves of its hash name.

    Two parts that meet in one row hardly ever meet in the other (Serra and Karatzoglou 2017).

    Args:
        buckets: Rows of the table.
        width: Width of a part's vector.
    """

    def __init__(self, *, buckets: int, width: int) -> None:
        super().__init__()
        self.width = (HASHES - 1) * width
        self.weight = nn.Parameter(torch.empty(buckets, width))
        spread(self.weight)

    def forward(self, features: Features) -> Tensor:
        """The vectors of all parts, one beside the other. Shape: [words, (HASHES - 1) * width]."""
        hashes = features["hashes"][:, 1:]
        halves = torch.stack([hashes & 0xFFFFFFFF, (hashes >> 32) & 0xFFFFFFFF], dim=-1) % len(self.weight)
        return functional.embedding_bag(halves.view(-1, 2), self.weight, mode="sum").view(len(hashes), self.width)


class HashedEmbedding(nn.Module):
    """Layer 0: word, parts and n-grams, mixed by one linear layer.

    All of it depends on the word alone, so it is computed once for each distinct word of a batch; in training, once
    more with the word taken for unknown.

    Args:
        spec: What to build.
    """

    def __init__(self, spec: Convolutional) -> None:
        super().__init__()
        self.vocabulary = Vocabulary(size=spec.vocabulary, minimum=spec.minimum, alpha=spec.alpha)
        self.words = nn.Embedding(spec.vocabulary + 1, spec.words)
        self.parts = HashedParts(buckets=spec.buckets, width=spec.parts)
        self.characters = CharacterBag(buckets=spec.buckets, width=spec.characters)
        self.mix_words = nn.Linear(spec.words, spec.width, bias=False)
        self.mix_parts = nn.Linear(self.parts.width + spec.characters, spec.width)
        self.norm = nn.LayerNorm(spec.width)
        spread(self.words.weight)

    def forward(self, features: Features) -> Tensor:
        """States of the tokens of a batch. Shape: [tokens, width]."""
        types, rows = features["types"], self.vocabulary(features)
        parts = self.mix_parts(torch.cat([self.parts(features), self.characters(features)], dim=1))
        variants = parts + self.mix_words(self.words(rows))
        if self.training:
            unknown = parts + self.mix_words(self.words.weight[:1])
            variants = torch.cat([variants, unknown])
            types = types + len(rows) * self.vocabulary.dropped(rows[types])
        return functional.embedding(types, self.norm(variants))


class Window(nn.Module):
    """A residual block over each row and its two neighbours, gated (Dauphin et al. 2017, equation 1).

    Args:
        width: Width of the states.
        dropout: Share of the values dropped in training.
    """

    def __init__(self, width: int, *, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * width, 2 * width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, follows: Tensor, precedes: Tensor) -> Tensor:
        """One layer higher.

        Args:
            states: Shape: [n, width].
            follows: Whether a row has one of its text before it. Shape: [n, 1], bool.
            precedes: Whether a row has one of its text after it. Shape: [n, 1], bool.

        Returns:
            Shape: [n, width].
        """
        own = lowered(states)
        before, after = own.roll(1, dims=0).where(follows, 0), own.roll(-1, dims=0).where(precedes, 0)
        gated: Tensor = functional.glu(self.linear(torch.cat([before, own, after], dim=1)), dim=1)
        refined: Tensor = self.dropout(self.norm(gated))
        return states + refined


class Carry(NamedTuple):
    """What the next layer needs: see `Window.forward`."""

    states: Tensor
    follows: Tensor
    precedes: Tensor


class ConvolutionalEncoder(Encoder):
    """Windows over flat rows, without padding.

    Args:
        spec: What to build.
    """

    def __init__(self, spec: Convolutional) -> None:
        super().__init__()
        self.widths = (spec.width,) * (spec.depth + 1)
        self.embedding = HashedEmbedding(spec)
        self.dropout = nn.Dropout(spec.dropout)
        self.layers = nn.ModuleList(Window(spec.width, dropout=spec.dropout) for _ in range(spec.depth))

    def prepare(self, texts: Iterable[Sequence[str]]) -> None:
        """Fill the vocabulary."""
        self.embedding.vocabulary.fill(texts)

    def features(self, texts: Sequence[Sequence[str]]) -> Features:
        """Hash the words; see `word_features`."""
        return word_features(texts)

    def embed(self, features: Features, rows: Rows) -> State:
        """Layer 0: the mixed features."""
        states = self.dropout(self.embedding(features))
        follows = (rows.position > 0)[:, None]
        precedes = follows.roll(-1, dims=0)
        return State(rows=rows, index=None, total=len(rows)).reached(states, Carry(states, follows, precedes))

    def step(self, state: State) -> State:
        """One window higher."""
        carry: Carry = state.carry
        states: Tensor = self.layers[len(state.layers) - 1](*carry)
        return state.reached(states, carry._replace(states=states))

    def narrow(self, state: State, keep: Tensor) -> State:
        """Go on with some of the texts only."""
        return narrowed(state, keep, Carry(*[part[keep] for part in state.carry]))
