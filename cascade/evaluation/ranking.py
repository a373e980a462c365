"""How good rankings are: recall, reciprocal rank and nDCG, each at a cutoff."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice

from cascade.errors import ConfigError, DataError
from cascade.evaluation.tables import Table

Relevance = Mapping[str, float]
"""Grades by id; above 0 is relevant, and an id without a grade is not."""

DEPTH = 10
"""Where the reciprocal rank and nDCG are cut."""


def score_rankings(
    rankings: Mapping[str, Sequence[str]], relevance: Mapping[str, Relevance], *, recall_at: Sequence[int] = (1, 5, 10)
) -> Table:
    """Scores rankings question by question.

    Args:
        rankings: Ids by question id, best first; those of other questions are passed over.
        relevance: Grades by question id.
        recall_at: Cutoffs of recall.

    Returns:
        For each question in `relevance` `recall@k` for each cutoff, `mrr@10` and `ndcg@10`. A question without a
        ranking scores 0 (trec_eval with `-c`). A question to which nothing is relevant has no right ranking; it is left
        out, as BEIR and MS MARCO have none.

    Raises:
        ConfigError: A cutoff is below 1.
        DataError: A ranking has an id twice.
    """
    return {
        question: {
            **{f"recall@{k}": recall(rankings.get(question, ()), grades, k) for k in recall_at},
            f"mrr@{DEPTH}": reciprocal_rank(rankings.get(question, ()), grades, DEPTH),
            f"ndcg@{DEPTH}": ndcg(rankings.get(question, ()), grades, DEPTH),
        }
        for question, grades in relevance.items()
        if any(grade > 0 for grade in grades.values())
    }


def recall(ranking: Sequence[str], relevance: Relevance, k: int) -> float:
    """Part of what is relevant that is among the first `k`; 0 when nothing is relevant.

    Manning, Raghavan & Schütze 2008, Introduction to Information Retrieval, section 8.3. With one relevant id it is
    the hit rate, or top-k accuracy, of open question answering.

    Raises:
        ConfigError: `k` is below 1.
        DataError: An id comes twice.
    """
    found = sum(gain > 0 for gain in _gains(ranking, relevance, k))
    return found / max(1, sum(grade > 0 for grade in relevance.values()))


def reciprocal_rank(ranking: Sequence[str], relevance: Relevance, k: int) -> float:
    """One over the rank, from 1, of the first relevant id if it is among the first `k`, else 0.

    Voorhees 1999, TREC-8 question answering track; its mean with k = 10 is MRR@10, the measure of MS MARCO.

    Raises:
        ConfigError: `k` is below 1.
        DataError: An id comes twice.
    """
    gains = _gains(ranking, relevance, k)
    return next((1 / rank for rank, gain in enumerate(gains, start=1) if gain > 0), 0.0)


def ndcg(ranking: Sequence[str], relevance: Relevance, k: int) -> float:
    """Normalised discounted cumulative gain of the first `k`; 0 when nothing is relevant.

    Järvelin & Kekäläinen 2002, ACM TOIS 20(4), as trec_eval's `ndcg_cut` has it: the gain is the grade itself, divided
    by log2(rank + 1), and the ideal is the best order of all that is relevant, cut at `k`.

    Raises:
        ConfigError: `k` is below 1.
        DataError: An id comes twice.
    """
    ideal = _discounted(sorted((grade for grade in relevance.values() if grade > 0), reverse=True)[:k])
    return _discounted(_gains(ranking, relevance, k)) / ideal if ideal else 0.0


def _gains(ranking: Sequence[str], relevance: Relevance, k: int) -> list[float]:
    if k < 1:
        raise ConfigError(f"expected a cutoff of 1 or more, got {k}")
    first = list(islice(ranking, k))
    if len(set(first)) < len(first):
        twice = next(name for i, name in enumerate(first) if name in first[:i])
        raise DataError(f"expected every id once in a ranking, got {twice!r} twice; keep its best place")
    return [max(0.0, relevance.get(name, 0.0)) for name in first]


def _discounted(gains: Sequence[float]) -> float:
    return math.fsum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))
