"""How a word is written: capitals and small letters, as vectors for models that read lower-cased text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

CASES = ("none", "lower", "initial", "title", "upper", "mixed")
"""No letter with a case, small letters, a single capital, capital and small letters, capitals, anything else."""


@lru_cache(maxsize=50_000)
def word_case(word: str) -> int:
    """The place in `CASES` of a word's case."""
    if word.islower():
        return CASES.index("lower")
    if word.lower() == word.upper():
        return CASES.index("none")
    # Roman numerals and circled letters have a case, but are no letters to Python.
    letters = "".join(c for c in word if c.isalpha() or c.lower() != c.upper())
    if len(letters) == 1:
        return CASES.index("initial")
    if letters.isupper():
        return CASES.index("upper")
    return CASES.index("title") if letters[0].isupper() and letters[1:].islower() else CASES.index("mixed")


def word_cases(texts: Sequence[Sequence[str]]) -> Tensor:
    """Cases of the words of a batch, one text after another, behind a 0 for what is no word. Shape: [1 + words]."""
    return torch.tensor([0, *(word_case(word) for text in texts for word in text)])


class WordCase(nn.Embedding):
    """A vector for each of `CASES`, zero at first, so that a pretrained model starts as it was.

    Args:
        width: Width of the vectors.
    """

    def __init__(self, width: int) -> None:
        super().__init__(len(CASES), width)
        nn.init.zeros_(self.weight)
