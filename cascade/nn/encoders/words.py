"""What is known about a word before anything is learned: stable hashes of its form and of its parts, and a vocabulary.

Everything here is a function of the word's characters, so that two machines and two runs agree on every index.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cascade.nn.encoders.base import Features

BEGIN, END = "#B#", "#E#"
ORDERS = (2, 3, 4)
HASHES = 9
"""Hashes per word: form, lower-cased form, prefixes of 1 to 3 characters, suffixes of 2 to 4, and shape."""
CACHED = 2**16
LONGEST = 64
PADDING = 2**63 - 1


def stable_hash(text: str) -> int:
    """A 64-bit hash that is the same in every process, as a signed integer."""
    digest = blake2b(text.encode("utf8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def character_ngrams(word: str) -> Iterator[str]:
    """The n-grams of 2, 3 and 4 symbols, each once, in order of appearance (Hashimoto et al. 2017, section 2.1).

    The two boundary markers are symbols of their own: `Cat` begins with `#B#C`. Of a word beyond 64 characters only
    the first 64 count.
    """
    symbols = [BEGIN, *word[:LONGEST], END]
    grams = ("".join(symbols[i : i + n]) for n in ORDERS for i in range(len(symbols) - n + 1))
    yield from dict.fromkeys(grams)


def shape(word: str) -> str:
    """`Cascade-2024` as `Xxxxx-dddd`: what kinds of characters, with runs cut at four, as spaCy does it."""
    kinds: list[str] = []
    for character in word[:LONGEST]:
        kind = character
        if character.isalpha():
            kind = "X" if character.isupper() else "x"
        elif character.isdigit():
            kind = "d"
        if kinds[-4:] != [kind] * 4:
            kinds.append(kind)
    return "".join(kinds)


@lru_cache(maxsize=CACHED)
def _hashed(word: str) -> tuple[bytes, bytes]:
    """The word's `HASHES` as int64, and a CRC-32 of each of its n-grams as uint32; bytes join faster than arrays."""
    lower = word.lower()
    parts = [f"prefix {word[:n]}" for n in (1, 2, 3)] + [f"suffix {word[-n:]}" for n in (2, 3, 4)]
    hashes = array("q", map(stable_hash, (word, lower, *parts, f"shape {shape(word)}")))
    grams = array("I", (zlib.crc32(gram.encode("utf8", "surrogatepass")) for gram in character_ngrams(word)))
    return hashes.tobytes(), grams.tobytes()


def word_features(texts: Sequence[Sequence[str]]) -> dict[str, Tensor]:
    """Hash the words of a batch, each distinct word once.

    Args:
        texts: The texts of a batch; any may be empty.

    Returns:
        `types`, the number of each token's distinct word, shape [tokens]; `hashes`, shape [words, HASHES]; `ngrams`,
        CRC-32 of the n-grams of all distinct words, one word after another, and `offsets`, where each begins, shape
        [words]. All int64.
    """
    numbers: dict[str, int] = {}
    types = [numbers.setdefault(word, len(numbers)) for text in texts for word in text]
    hashed = [_hashed(word) for word in numbers]
    hashes = np.frombuffer(bytearray().join([h for h, _ in hashed]), dtype=np.int64)
    ngrams = np.frombuffer(b"".join([g for _, g in hashed]), dtype=np.uint32).astype(np.int64)
    sizes = np.fromiter((len(g) for _, g in hashed), dtype=np.int64, count=len(hashed)) // 4
    return {
        "types": torch.tensor(types, dtype=torch.long),
        "hashes": torch.from_numpy(hashes.reshape(-1, HASHES)),
        "ngrams": torch.from_numpy(ngrams),
        "offsets": torch.from_numpy(sizes.cumsum() - sizes),
    }


class Vocabulary(nn.Module):
    """The most frequent words of the training texts, as sorted hashes; row 0 stands for every other word.

    Args:
        size: Words at most. The buffers have this size whatever the texts, so that a saved model can be rebuilt.
        minimum: How often a word must occur.
        alpha: Strength of word dropout: a word that occurred n times is taken for unknown with probability
            alpha / (alpha + n) in training (Kiperwasser and Goldberg 2016).
    """

    hashes: Tensor
    counts: Tensor

    def __init__(self, *, size: int, minimum: int, alpha: float) -> None:
        super().__init__()
        self.minimum, self.alpha = minimum, alpha
        self.register_buffer("hashes", torch.full((size,), PADDING))
        self.register_buffer("counts", torch.zeros(size + 1))

    def fill(self, texts: Iterable[Sequence[str]]) -> None:
        """Count the words of the training texts and keep the most frequent; of equally frequent ones, by alphabet."""
        counts = Counter(word for text in texts for word in text)
        ranked = sorted(((-n, word) for word, n in counts.items() if n >= self.minimum))[: len(self.hashes)]
        kept = sorted((stable_hash(word), -n) for n, word in ranked)
        self.hashes.fill_(PADDING)
        self.counts.zero_()
        if kept:
            hashes, numbers = zip(*kept, strict=True)
            self.hashes[: len(kept)] = torch.tensor(hashes)
            self.counts[1 : len(kept) + 1] = torch.tensor(numbers, dtype=self.counts.dtype)

    def forward(self, features: Features) -> Tensor:
        """Rows of the distinct words of a batch: of the form, else of the lower-cased form, else 0. Shape: [words]."""
        places, known = self.find(features["hashes"][:, :2].contiguous())
        form, lower = torch.where(known, places + 1, 0).unbind(1)
        return torch.where(form > 0, form, lower)

    def find(self, hashes: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers of words by their hashes, and whether they are in the vocabulary. Shapes: those of the hashes."""
        places = torch.searchsorted(self.hashes, hashes).clamp_(max=len(self.hashes) - 1)
        return places, self.hashes[places] == hashes

    def dropped(self, rows: Tensor) -> Tensor:
        """Draw the tokens whose word is taken for unknown; none outside of training.

        Args:
            rows: Shape: [tokens].

        Returns:
            Shape: [tokens], bool.
        """
        chances = self.alpha / (self.alpha + self.counts[rows])
        return torch.rand_like(chances) < chances


class CharacterBag(nn.Module):
    """A word as the mean vector of its distinct character n-grams (Hashimoto et al. 2017, section 2.1).

    Args:
        buckets: Rows that the n-grams are hashed into.
        width: Width of the vectors.
    """

    def __init__(self, *, buckets: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(buckets, width))
        spread(self.weight)

    def forward(self, features: Features) -> Tensor:
        """Vectors of the distinct words of a batch. Shape: [words, width]."""
        ngrams, offsets = features["ngrams"] % len(self.weight), features["offsets"]
        return functional.embedding_bag(ngrams, self.weight, offsets, mode="mean")


def spread(weight: Tensor) -> None:
    """Fill a table of vectors with uniform values of variance 1 / width, so that a vector's expected length is 1."""
    bound = float((3 / weight.shape[1]) ** 0.5)
    nn.init.uniform_(weight, -bound, bound)
