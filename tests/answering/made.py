"""Candidates of our own making, for the tests of answering."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cascade.answering import Candidates, Labelled


def candidates(texts: Sequence[str], passage: Sequence[int] | None = None, **scores: Sequence[float]) -> Candidates:
    """Candidates that stand one behind another in their passages; in passage 0 if none is said."""
    first = np.arange(len(texts)) * 100
    return Candidates(
        passage=np.zeros(len(texts), int) if passage is None else np.array(passage, int),
        first=first,
        last=first + np.array([len(text) for text in texts], int),
        texts=tuple(texts),
        scores={name: np.array(values, float) for name, values in scores.items()},
    )


def asked(
    rng: np.random.Generator,
    *,
    passages: int = 3,
    spans: int = 4,
    none: float = 0.0,
    per_passage: float = 0.0,
    words: int = 1000,
) -> Labelled:
    """A question whose right candidate is drawn from softmax(read - null + 0.5 retrieve + 2 rerank), or none is.

    Args:
        rng: Draws.
        passages: How many passages it has.
        spans: Candidates in each.
        none: Score of "none".
        per_passage: What the log number of passages adds to that.
        words: Out of how many texts candidates are drawn.
    """
    passage = np.repeat(np.arange(passages), spans)
    scores = {
        "read": rng.normal(3.0, 2.0, len(passage)),
        "null": np.repeat(rng.normal(2.0, 1.0, passages), spans),
        "retrieve": np.repeat(rng.normal(-1.0, 2.0, passages), spans),
        "rerank": rng.normal(0.0, 0.5, len(passage)),
    }
    texts = tuple(f"w{number}" for number in rng.integers(words, size=len(passage)))
    made = candidates(texts, passage.tolist(), **{name: values.tolist() for name, values in scores.items()})
    logits = np.append(utility(made), none + per_passage * np.log(passages))
    chosen = rng.choice(len(logits), p=np.exp(logits - np.logaddexp.reduce(logits)))
    return Labelled(candidates=made, answers=(texts[chosen],) if chosen < len(texts) else ())


def utility(made: Candidates) -> np.ndarray:
    """What decides in `asked`."""
    given = made.scores
    return given["read"] - given["null"] + 0.5 * given["retrieve"] + 2.0 * given["rerank"]
