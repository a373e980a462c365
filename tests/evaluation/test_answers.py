from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import DataError
from cascade.evaluation.answers import abstained, best_threshold, score_answers
from cascade.evaluation.tables import means

GOLD = {"who": ("Mara", "old Mara"), "what": ("the clocks",), "why": (), "when": ()}


def test_scores() -> None:
    table = score_answers({"who": "old  mara", "what": "two clocks", "why": "", "when": "noon", "else": "x"}, GOLD)
    assert table == {
        "who": {"em": 1.0, "f1": 1.0, "has_answer_f1": 1.0},
        "what": {"em": 0.0, "f1": pytest.approx(2 / 3), "has_answer_f1": pytest.approx(2 / 3)},
        "why": {"em": 1.0, "f1": 1.0, "no_answer_accuracy": 1.0},
        "when": {"em": 0.0, "f1": 0.0, "no_answer_accuracy": 0.0},
    }
    assert means(table) == pytest.approx({"em": 0.5, "f1": 2 / 3, "has_answer_f1": 5 / 6, "no_answer_accuracy": 0.5})


def test_a_missing_prediction_scores_0_answerable_or_not() -> None:
    table = score_answers({"who": "Mara"}, GOLD)
    assert means(table) == {"em": 0.25, "f1": 0.25, "has_answer_f1": 0.5, "no_answer_accuracy": 0.0}
    assert means(score_answers({}, GOLD))["f1"] == 0


def test_metrics_that_do_not_apply_are_absent() -> None:
    assert score_answers({"x": "y"}, {}) == {}
    assert set(means(score_answers({"why": ""}, {"why": ()}))) == {"em", "f1", "no_answer_accuracy"}
    assert set(means(score_answers({"who": ""}, {"who": ("Mara",)}))) == {"em", "f1", "has_answer_f1"}


def test_predictions_to_other_questions_only() -> None:
    with pytest.raises(DataError, match="got none of them"):
        score_answers({"x": "y"}, GOLD)


def test_own_normaliser() -> None:
    assert score_answers({"who": "mara"}, GOLD, normalize=str)["who"]["em"] == 0


@st.composite
def answered(draw: st.DrawFn, *, distinct: bool = False) -> tuple[list[float], list[bool], list[float]]:
    """Scores, answerability and no-answer scores as a reader may give them; eighths, so that sums are exact."""
    size = draw(st.integers(1, 12))
    answerable = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    scores = [draw(st.integers(0, 8)) / 8 if possible else float(draw(st.booleans())) for possible in answerable]
    refusal = st.integers(1, 40) if distinct else st.integers(-2, 3)
    return scores, answerable, draw(st.lists(refusal.map(float), min_size=size, max_size=size, unique=distinct))


def mean_at(threshold: float, scores: list[float], answerable: list[bool], no_answer: list[float]) -> float:
    """Question by question."""
    rows = zip(scores, answerable, no_answer, strict=True)
    return sum((not possible) if n > threshold else s for s, possible, n in rows) / len(scores)


@given(answered())
def test_the_sweep_finds_the_best_of_all_thresholds(case: tuple[list[float], list[bool], list[float]]) -> None:
    tried = {t: mean_at(t, *case) for t in [-math.inf, *sorted(set(case[2]))]}
    best = max(tried.values())
    assert best_threshold(*case) == (min(t for t, score in tried.items() if score == best), best)


@given(answered(), st.integers(-3, 4))
def test_abstaining_counts_as_at_the_threshold(
    case: tuple[list[float], list[bool], list[float]], threshold: int
) -> None:
    assert np.mean(abstained(*case, threshold)) == mean_at(threshold, *case)


@given(answered(distinct=True))
def test_the_sweep_is_the_official_one_without_ties(case: tuple[list[float], list[bool], list[float]]) -> None:
    """The official procedure in words: start with none answered, answer by rising score, keep the first strict best."""
    rows = sorted(zip(*case, strict=True), key=lambda row: row[2])
    running = best = sum(1 for _, possible, _ in rows if not possible)
    threshold = 0.0
    for score, possible, no_answer in rows:
        running += score if possible else (0 if score else -1)
        if running > best:
            best, threshold = running, no_answer
    found = best_threshold(*case)
    assert found.score == best / len(rows)
    assert max(found.value, 0.0) == threshold


def test_hand_worked_threshold() -> None:
    scores, answerable, no_answer = [1.0, 0.5, 0.0, 0.0], [True, True, False, False], [0.1, 0.4, 0.3, 0.9]
    # None answered: 2 of 4. Up to .1: 3. Up to .3: 2. Up to .4: 2.5. All: 1.5.
    assert best_threshold(scores, answerable, no_answer) == (0.1, 0.75)
    assert abstained(scores, answerable, no_answer, 0.1).tolist() == [1, 0, 1, 1]


def test_one_kind_of_question() -> None:
    assert best_threshold([1, 0.5], [True, True], [3, 4]) == (4, 0.75)
    assert best_threshold([0, 0], [False, False], [3, 4]) == (-math.inf, 1)
    assert best_threshold([0, 0], [True, True], [3, 4]) == (-math.inf, 0)


def test_unusable_input() -> None:
    with pytest.raises(DataError, match="got none"):
        best_threshold([], [], [])
    with pytest.raises(DataError, match="one value a question"):
        best_threshold([1], [True], [1, 2])
    with pytest.raises(DataError, match="got NaN"):
        best_threshold([1], [True], [math.nan])
    assert abstained([], [], [], 0.5).tolist() == []
