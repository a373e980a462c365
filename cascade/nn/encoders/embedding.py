"""Words as vectors, and nothing above: the input of a cascade whose tasks bring their own recurrent layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from cascade.errors import ModelError
from cascade.nn.encoders.base import Encoder, Features, State, narrowed
from cascade.nn.encoders.words import CharacterBag, Vocabulary, spread, stable_hash, word_features
from cascade.nn.rows import Rows


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """A word vector beside the mean of the word's character n-gram vectors (Hashimoto et al. 2017, section 2.1).

    Args:
        words: Width of the word vectors.
        characters: Width of the n-gram vectors.
        vocabulary: Words at most that have a vector of their own.
        minimum: How often a word must occur in the training texts to have one.
        alpha: Strength of word dropout; see `Vocabulary`.
        buckets: Rows that the n-grams are hashed into.
    """

    words: int = 100
    characters: int = 100
    vocabulary: int = 20_000
    minimum: int = 1
    alpha: float = 0.25
    buckets: int = 20_000

    @property
    def depth(self) -> int:
        """Number of the highest layer: 0."""
        return 0

    def build(self, assets: Mapping[str, bytes] | None = None) -> EmbeddingEncoder:
        """Make the module."""
        return EmbeddingEncoder(self)


class WordEmbedding(nn.Module):
    """Words as vectors; see `Embedding`.

    Args:
        spec: What to build.
    """

    def __init__(self, spec: Embedding) -> None:
        super().__init__()
        self.width = spec.words + spec.characters
        self.vocabulary = Vocabulary(size=spec.vocabulary, minimum=spec.minimum, alpha=spec.alpha)
        self.words = nn.Embedding(spec.vocabulary + 1, spec.words)
        self.characters = CharacterBag(buckets=spec.buckets, width=spec.characters)
        spread(self.words.weight)

    def forward(self, features: Features) -> Tensor:
        """Vectors of the tokens of a batch. Shape: [tokens, words + characters]."""
        types = features["types"]
        rows = self.vocabulary(features)[types]
        if self.training:
            rows = rows.masked_fill(self.vocabulary.dropped(rows), 0)
        return torch.cat([self.words(rows), functional.embedding(types, self.characters(features))], dim=1)

    @torch.no_grad()
    def set_vectors(self, words: Sequence[str], vectors: Tensor) -> int:
        """Let words begin with vectors that something else has learned; training goes on from there.

        Args:
            words: Different words; those that are not in the vocabulary are passed over, so fill it before.
            vectors: One for each. Random ones have a length of about 1. Shape: [len(words), words].

        Returns:
            How many words of the vocabulary have been given a vector.

        Raises:
            ModelError: There are more or fewer vectors than words, or they have another width.
        """
        expected = (len(words), self.words.embedding_dim)
        if vectors.shape != expected:
            raise ModelError(f"set_vectors: expected vectors of the shape {expected}, got {tuple(vectors.shape)}")
        weight = self.words.weight
        hashes = torch.tensor([stable_hash(word) for word in words], dtype=torch.long, device=weight.device)
        places, known = self.vocabulary.find(hashes)
        weight[places[known] + 1] = vectors.to(weight)[known]
        return int(known.sum())


class EmbeddingEncoder(Encoder):
    """Layer 0 alone.

    Args:
        spec: What to build.
    """

    def __init__(self, spec: Embedding) -> None:
        super().__init__()
        self.embedding = WordEmbedding(spec)
        self.widths = (self.embedding.width,)

    def prepare(self, texts: Iterable[Sequence[str]]) -> None:
        """Fill the vocabulary."""
        self.embedding.vocabulary.fill(texts)

    def features(self, texts: Sequence[Sequence[str]]) -> Features:
        """Hash the words; see `word_features`."""
        return word_features(texts)

    def embed(self, features: Features, rows: Rows) -> State:
        """Layer 0: the vectors."""
        return State(rows=rows, index=None, total=len(rows)).reached(self.embedding(features))

    def step(self, state: State) -> State:
        """There is no layer above.

        Raises:
            IndexError: Always.
        """
        raise IndexError("Embedding has layer 0 alone; a task reads it with layer=0 or layer=Recurrent(...)")

    def narrow(self, state: State, keep: Tensor) -> State:
        """Go on with some of the texts only."""
        return narrowed(state, keep, None)
