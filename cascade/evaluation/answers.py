"""How good answers are, with and without the right to abstain (SQuAD v1.1 and v2.0)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cascade.data.answers import Normalizer, exact_match, normalize_squad, token_f1
from cascade.errors import DataError
from cascade.evaluation.tables import Table


class Threshold(NamedTuple):
    """A threshold and the mean score that it gives."""

    value: float
    score: float


def score_answers(
    predictions: Mapping[str, str], gold: Mapping[str, Sequence[str]], *, normalize: Normalizer = normalize_squad
) -> Table:
    """Scores answers by exact match and F1, as the official SQuAD scripts define them.

    Args:
        predictions: Answers by question id, empty ones for "no answer"; those to other questions are passed over.
        gold: Gold answers by question id, none where a question has no answer.
        normalize: How answers are compared.

    Returns:
        For each question in `gold` `em` and `f1`, and again `has_answer_f1` if it has an answer, or else
        `no_answer_accuracy`; all from 0 to 1. A question without a prediction scores 0, answerable or not: so does the
        script for v1.1, while that for v2.0 leaves it out of the mean. No question gives an empty table.

    Raises:
        DataError: Predictions are given, but none for a question in `gold`.
    """
    if predictions and gold and not predictions.keys() & gold.keys():
        known, given = next(iter(gold)), next(iter(predictions))
        message = "expected predictions by the ids of the gold questions, got none of them"
        raise DataError(f"{message} ({given!r}, not {known!r}); is this the right file?")
    return {question: _scores(predictions.get(question), answers, normalize) for question, answers in gold.items()}


def _scores(prediction: str | None, answers: Sequence[str], normalize: Normalizer) -> dict[str, float]:
    em = 0.0 if prediction is None else exact_match(prediction, answers, normalize=normalize)
    f1 = 0.0 if prediction is None else token_f1(prediction, answers, normalize=normalize)
    return {"em": em, "f1": f1} | ({"has_answer_f1": f1} if answers else {"no_answer_accuracy": em})


def abstained(scores: ArrayLike, answerable: ArrayLike, no_answer: ArrayLike, threshold: float) -> np.ndarray:
    """Scores once the questions whose no-answer score is above a threshold are not answered.

    The official script for SQuAD v2.0 (`apply_no_ans_threshold`).

    Args:
        scores: EM or F1 of the best answer to each question; for one without an answer, 1 if nothing was given and
            else 0. Shape: [questions].
        answerable: Which questions have an answer. Shape: [questions], bool.
        no_answer: The higher, the less there seems to be an answer. Shape: [questions].
        threshold: A question is answered when its no-answer score is not above.

    Returns:
        1 where a question without answer is left alone, 0 where one with an answer is. Shape: [questions].
    """
    own, possible, refusal = _checked(scores, answerable, no_answer)
    return np.where(refusal > threshold, ~possible, own)


def best_threshold(scores: ArrayLike, answerable: ArrayLike, no_answer: ArrayLike) -> Threshold:
    """The threshold of the no-answer score that gives the best mean score; the lowest of equals.

    One sorted sweep, as the official script for SQuAD v2.0 makes it (`find_best_thresh`), with two corrections:
    questions with the same no-answer score are answered together, as any threshold would have it, and to answer none
    is a choice even when no-answer scores are 0 or less.

    Args:
        scores: As for `abstained`.
        answerable: As for `abstained`.
        no_answer: As for `abstained`.

    Returns:
        The threshold for `abstained`, one of the no-answer scores or minus infinity to answer nothing, and the mean
        that it gives.

    Raises:
        DataError: There is no question, or shapes differ.
    """
    own, possible, refusal = _checked(scores, answerable, no_answer)
    if not len(own):
        raise DataError("expected questions to choose a threshold on, got none")
    order = np.argsort(refusal, kind="stable")
    steps = np.concatenate([[np.sum(~possible)], (own - ~possible)[order]])
    totals, places = np.cumsum(steps), refusal[order]
    totals[1:][np.append(places[1:] == places[:-1], False)] = -math.inf
    best = int(np.argmax(totals))
    return Threshold(float(places[best - 1]) if best else -math.inf, float(totals[best]) / len(own))


def _checked(scores: ArrayLike, answerable: ArrayLike, no_answer: ArrayLike) -> tuple[np.ndarray, ...]:
    own, possible, refusal = np.asarray(scores, float), np.asarray(answerable, bool), np.asarray(no_answer, float)
    if own.ndim != 1 or not own.shape == possible.shape == refusal.shape:
        raise DataError(f"expected one value a question, got shapes {own.shape}, {possible.shape}, {refusal.shape}")
    if np.isnan(own).any() or np.isnan(refusal).any():
        raise DataError("expected numbers as scores, got NaN")
    return own, possible, refusal
