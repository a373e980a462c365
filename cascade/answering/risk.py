"""Minimum Bayes risk: an answer is worth what it can be expected to score (Goel and Byrne 2000; Kumar and Byrne 2004).

The most probable answer is the best one where nothing counts but to be right exactly. Where an answer that shares words
with the right one counts for its F1, what it shares with all the others that may be right counts too. Half of each is
worth the mean of exact match and F1, which on SQuAD has more F1 than the most probable answer, and as many exact
matches.

Goel and Byrne 2000, Minimum Bayes-risk automatic speech recognition, Computer Speech & Language 14. Kumar and Byrne
2004, Minimum Bayes-risk decoding for statistical machine translation, HLT-NAACL, equation 2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np


def overlaps(answers: Sequence[Sequence[str]]) -> np.ndarray:
    """F1 of the words of each two answers, as [`overlap_f1`][cascade.data.answers.overlap_f1] counts it.

    Args:
        answers: Normalised words of each answer.

    Returns:
        Shape: [answers, answers].
    """
    counts = [Counter(words) for words in answers]
    columns = {word: column for column, word in enumerate(dict.fromkeys(word for words in answers for word in words))}
    table = np.zeros((len(answers), len(columns)))
    for row, count in enumerate(counts):
        table[row, [columns[word] for word in count]] = [*count.values()]
    shared = np.array([np.minimum(table, row).sum(axis=1) for row in table]).reshape(len(answers), len(answers))
    sizes = table.sum(axis=1)
    total = sizes[:, None] + sizes
    return np.where(total > 0, 2 * shared / np.maximum(total, 1), 1.0)


def expected_scores(shares: np.ndarray, overlap: np.ndarray, part: float) -> np.ndarray:
    """What each answer can be expected to score.

    Args:
        shares: How probable it is that each is the right one. Shape: [answers].
        overlap: See `overlaps`. Shape: [answers, answers].
        part: How much of the score is F1, from 0 to 1; the rest is exact match.

    Returns:
        Shape: [answers].
    """
    return np.asarray((1 - part) * shares + part * (overlap @ shares))
