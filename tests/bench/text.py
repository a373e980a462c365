"""Text that is made up: as much as is wanted, the same every time, with new words all along."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count, islice

SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
TYPES = 20_000
SENTENCE = 14


def spelled(number: int) -> str:
    """A word for a number, other than that of any other number; at least two syllables."""
    syllables = ""
    number += len(SYLLABLES)
    while number:
        number, syllable = divmod(number, len(SYLLABLES))
        syllables += SYLLABLES[syllable]
    return syllables


def texts(words: int, *, size: int = 200, seed: int = 0) -> Iterator[str]:
    """Texts of some words each; full stops come besides.

    A fifth of the types of every text occur in no text before it. The others come from a vocabulary of 20,000 types,
    the r-th of which has a share that falls as 1 / r (Zipf 1949).

    Args:
        words: Words in all.
        size: Words of a text; the last may have fewer.
        seed: What everything random comes from.
    """
    draw = random.Random(seed)
    fresh = map(spelled, count(TYPES))
    for begin in range(0, words, size):
        yield _text(_words(min(size, words - begin), draw, fresh))


def _words(size: int, draw: random.Random, fresh: Iterator[str]) -> list[str]:
    known: list[str] = []
    types: set[str] = set()
    while len(known) + len(types) // 4 < size:
        known.append(spelled(int(TYPES ** draw.random()) - 1))
        types.add(known[-1])
    words = known + list(islice(fresh, size - len(known)))
    draw.shuffle(words)
    return words


def _text(words: list[str]) -> str:
    sentences = (words[i : i + SENTENCE] for i in range(0, len(words), SENTENCE))
    return " ".join(" ".join(sentence) + "." for sentence in sentences)
