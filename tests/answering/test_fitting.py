from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cascade.answering import (
    Answering,
    BestF1,
    Calibration,
    Candidates,
    Conformal,
    Fusion,
    Labelled,
    Limits,
    Precision,
    fit,
)
from cascade.data.answers import exact_match, token_f1
from cascade.errors import ConfigError, DataError
from cascade.evaluation import brier, ece
from tests.answering.made import asked, candidates


def questions(seed: int, size: int) -> list[Labelled]:
    """Questions of one passage and of ten, some without answer, and logits three times as sure as they should be."""
    rng = np.random.default_rng(seed)
    made = [asked(rng, passages=passages, spans=3, none=3.0, words=40) for passages in (1, 10) * (size // 2)]
    return [replace(question, candidates=overconfident(question)) for question in made]


def overconfident(question: Labelled) -> Candidates:
    scores = {name: 3 * values for name, values in question.candidates.scores.items()}
    return replace(question.candidates, scores=scores)


@pytest.fixture(scope="module")
def dev() -> list[Labelled]:
    return questions(0, 1200)


@pytest.fixture(scope="module")
def fitted(dev: list[Labelled]) -> Answering:
    return fit(dev)


def measured(answering: Answering, asked: list[Labelled]) -> tuple[np.ndarray, np.ndarray, float]:
    """Confidence and correctness of the best answers, and the mean F1 of what is given."""
    decisions = [answering.decide(question.candidates) for question in asked]
    best = [decision.groups[0] for decision in decisions]
    pairs = list(zip(asked, decisions, best, strict=True))
    correct = [exact_match(d.text(g), q.answers) if q.answers else 0.0 for q, d, g in pairs]
    f1 = [token_f1(d.prediction, q.answers) for q, d, _ in pairs]
    return np.array([group.confidence for group in best]), np.array(correct), float(np.mean(f1))


def test_it_is_better_and_better_calibrated_than_the_sum_of_logits(fitted: Answering) -> None:
    test = questions(1, 1200)
    before, right, f1_before = measured(Answering(), test)
    after, correct, f1_after = measured(fitted, test)
    assert f1_after > f1_before + 0.03
    assert correct.mean() > right.mean() + 0.03
    assert ece(after, correct) < 0.05 < ece(before, right)
    assert brier(after, correct) < brier(before, right)


def phrased(question: Labelled) -> Labelled:
    """The same with stretches of five words as texts, many of which overlap."""
    words = ["one", "two", "three", "four", "five"]
    stretches = [" ".join(words[first:end]) for first in range(5) for end in range(first + 1, 6)]
    texts, answers = (
        tuple(stretches[int(text[1:]) % len(stretches)] for text in given)
        for given in (question.candidates.texts, question.answers)
    )
    return Labelled(candidates=replace(question.candidates, texts=texts), answers=answers)


def test_the_best_answer_has_the_highest_expected_score_and_its_own_confidence() -> None:
    dev = [phrased(question) for question in questions(4, 400)]
    fitted = fit(dev)
    assert fitted.aggregation.overlap == 0.5
    others = 0
    for question in dev:
        decision = fitted.decide(question.candidates)
        right = [(decision.text(group), group.probability) for group in decision.groups]
        worth = [sum(p * (exact_match(t, [gold]) + token_f1(t, [gold])) for gold, p in right) for t, _ in right]
        assert worth == pytest.approx(sorted(worth, reverse=True))
        others += decision.groups[0].probability < max(p for _, p in right)
    assert others > 10  # where the most probable answer is another one
    confidence, correct, _ = measured(fitted, dev)
    assert confidence.mean() == pytest.approx(correct.mean(), abs=0.002)


def test_one_fit_serves_both_settings(fitted: Answering) -> None:
    test = questions(2, 2400)
    for passages in (1, 10):
        own = [question for question in test if question.candidates.passages == passages]
        confidence, correct, _ = measured(fitted, own)
        decisions = [fitted.decide(question.candidates) for question in own]
        refused = np.array([decision.no_answer_probability for decision in decisions])
        assert ece(confidence, correct) < 0.06
        assert ece(refused, np.array([not question.answers for question in own], float)) < 0.06


def test_the_chosen_limit_is_the_best_on_dev(dev: list[Labelled], fitted: Answering) -> None:
    best = measured(fitted, dev)[2]
    for away in (-0.5, 0.5):
        limits = Limits(refusal=fitted.limits.refusal + away)
        assert measured(replace(fitted, limits=limits), dev)[2] <= best


def test_rules(dev: list[Labelled], fitted: Answering) -> None:
    precise = fitted.abstaining(dev, Precision(0.9))
    decisions = [(question, precise.decide(question.candidates)) for question in dev]
    given = [exact_match(d.prediction, q.answers) if q.answers else 0.0 for q, d in decisions if not d.abstained]
    assert len(given) > 50 and np.mean(given) >= 0.9
    assert replace(precise, limits=fitted.limits) == fitted
    assert fit(dev[:100], rule=Precision(0.9)).limits.refusal == math.inf
    assert fitted.abstaining(questions(3, 400), Conformal(0.2)).limits.confidence > 0.2
    with pytest.raises(ConfigError, match="fit with another rule, then call abstaining"):
        fit(dev, rule=Conformal(0.2))


def test_what_is_given_is_not_fitted(dev: list[Labelled], fitted: Answering) -> None:
    assert fit(dev[:50], fusion=Fusion.re3qa()).fusion == Fusion.re3qa()
    assert fit(dev[:50], aggregation=fitted.aggregation).aggregation == fitted.aggregation
    assert fit(dev[:50], calibration="temperature").confidence.weights.keys() == {"odds"}
    assert fit(dev[:50], calibration="isotonic").confidence.isotonic is not None
    assert fit(dev[:50], normalizer="characters").normalizer == "characters"


def test_questions_that_all_have_an_answer(dev: list[Labelled]) -> None:
    answerable = [question for question in dev if question.answers][:100]
    fitted = fit(answerable, rule=BestF1())
    assert (fitted.no_answer, fitted.limits) == (Calibration(), Limits(refusal=math.inf))
    assert not any(fitted.decide(question.candidates).abstained for question in answerable)


def test_no_answer_is_calibrated_where_some_questions_have_none(dev: list[Labelled], fitted: Answering) -> None:
    assert fitted.no_answer.weights.keys() == {"odds", "over_best", "passages"}
    unanswerable = [question for question in dev if not question.answers][:50]
    assert fit(unanswerable).no_answer == Calibration()
    assert all(fit(unanswerable).decide(question.candidates).abstained for question in unanswerable)


def test_questions_without_candidates(dev: list[Labelled], fitted: Answering) -> None:
    empty = Labelled(candidates=candidates([]), answers=("ferry",))
    assert fit([*dev[:50], empty]) == fit(dev[:50])
    with pytest.raises(DataError, match="expected questions with candidates to fit"):
        fit([empty])
    with pytest.raises(DataError, match="expected questions with candidates to choose"):
        fitted.abstaining([empty], BestF1())


def test_a_fit_survives_the_disk(fitted: Answering, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    assert Answering.load(tmp_path) == fitted
