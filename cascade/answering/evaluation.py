"""How good the answers to gold questions are, and settings fitted on such questions.

Every question is scored by itself, so that figures have intervals and two systems can be compared pair by pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cascade.answering.abstention import BestF1, Rule
from cascade.answering.attribution import Attribution, Outcome, attribute
from cascade.answering.confidence import Method
from cascade.answering.decisions import Decision
from cascade.answering.fitting import fit
from cascade.answering.questions import QuestionAnswering
from cascade.answering.settings import Answering
from cascade.answering.trials import Asked, Setting, Trial, trials
from cascade.data.answers import Normalizer, exact_match
from cascade.errors import DataError
from cascade.evaluation import (
    Interval,
    Table,
    aurc,
    ece,
    interval,
    interval_of,
    intervals,
    score_answers,
    score_rankings,
)

RECALL_AT = (1, 5, 10, 30)
"""Cutoffs of recall."""

_BEST_F1 = BestF1()


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What became of a gold question.

    Attributes:
        id: Of the question.
        prediction: The answer that was given; empty when none was.
        best: The best answer, whether or not it was given; empty without candidates.
        answers: Texts of the gold answers; none where there is no answer.
        correct: Whether the best answer is right; never where there is no answer.
        confidence: Probability that it is.
        no_answer_probability: Probability that there is none.
        refusal: See `Decision`.
        ranks: Rank from 1 of the best gold passage among the hits (`search`), by the scores of the stage that prunes
            (`retrieve`) and in the end (`final`); None where none was found. Empty in the given setting and for a
            question without an answer. In the end, passages stand in the order of their best candidates, and behind
            them those without, as the stage before has them.
        outcome: The first stage that lost the answer.
        scores: Figures of this question by metric, see `AnswerEvaluation.figures`.
    """

    id: str
    prediction: str
    best: str
    answers: tuple[str, ...]
    correct: bool
    confidence: float
    no_answer_probability: float
    refusal: float
    ranks: Mapping[str, int | None]
    outcome: Outcome
    scores: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """All but the id as plain values; an infinite refusal as None, for JSON has no infinity."""
        return {
            "prediction": self.prediction,
            "best": self.best,
            "answers": list(self.answers),
            "correct": self.correct,
            "confidence": self.confidence,
            "no_answer_probability": self.no_answer_probability,
            "refusal": self.refusal if math.isfinite(self.refusal) else None,
            "ranks": dict(self.ranks),
            "outcome": self.outcome.value,
            "scores": dict(self.scores),
        }


@dataclass(frozen=True, kw_only=True)
class AnswerEvaluation:
    """What became of a set of gold questions.

    Attributes:
        questions: The questions.
    """

    questions: tuple[Answered, ...]

    @property
    def table(self) -> Table:
        """Scores by question and metric."""
        return {question.id: dict(question.scores) for question in self.questions}

    @property
    def attribution(self) -> Attribution:
        """The first stage that lost the answer, question by question."""
        return Attribution(outcomes={question.id: question.outcome for question in self.questions})

    def figures(self, *, seed: int = 0) -> dict[str, Interval]:
        """All figures with their 95 % bootstrap intervals.

        `em` and `f1` count as the official script for SQuAD v2.0 does: a question with an answer that is left
        unanswered scores 0, one without an answer 1 if it is left so. `has_answer_em` and `has_answer_f1` are the
        same over questions with an answer, `no_answer_accuracy` over the others; `best_em` and `best_f1` are what
        there would be if every question were answered, and `coverage` is the part that is.

        `ece`, `brier` and `aurc` hold the confidence of the best answer, given or not, against its exact match, which
        is 0 for a question without an answer. `brier_base_rate` and `aurc_base_rate` are what the mean exact match on
        these very questions would give as confidence, everywhere the same.

        `recall@k`, `mrr@10` and `ndcg@10` are of the first gold passage in the final ranking, over questions with an
        answer in the open setting; with `search_` and `retrieve_` before them, of the hits and of the stage that
        prunes.

        Args:
            seed: Of the resamples.
        """
        sure = np.array([question.confidence for question in self.questions])
        right = np.array([float(question.correct) for question in self.questions])
        found = intervals(self.table, seed=seed)
        for name, statistic in {"ece": ece, "aurc": aurc}.items():
            found[name] = interval_of(statistic, sure, right, seed=seed)
        found["brier_base_rate"] = interval_of(lambda correct: float(np.var(correct)), right, seed=seed)
        found["aurc_base_rate"] = interval(1 - right, seed=seed)
        return found

    def to_json(self) -> dict[str, Any]:
        """Figures, outcomes, and all questions by their ids, as plain values."""
        return {
            "scores": {name: each._asdict() for name, each in self.figures().items()},
            "outcomes": self.attribution.to_json()["counts"],
            "questions": {question.id: question.to_json() for question in self.questions},
        }


def evaluate_answers(qa: QuestionAnswering, asked: Iterable[Asked], *, setting: Setting = "given") -> AnswerEvaluation:
    """Answer gold questions, and score the answers.

    Args:
        qa: What answers them; for the open setting, with a retriever.
        asked: The questions.
        setting: Where their answers are looked for. A question that its paragraph does not answer counts as one
            without an answer in the open setting too.

    Raises:
        ConfigError: The setting is open, and there is no retriever.
        DataError: There is no question, or an id comes twice.
    """
    return judge(trials(qa, asked, setting=setting), qa.settings)


def judge(found: Iterable[Trial], settings: Answering) -> AnswerEvaluation:
    """Score what settings make of trials; several settings can be compared on the same ones.

    Args:
        found: The trials.
        settings: The settings.

    Raises:
        DataError: There is no question, or an id comes twice.
    """
    answered = {}
    for trial in found:
        if trial.id in answered:
            raise DataError(f"question {trial.id}: expected its id once, got it again; make ids unique")
        answered[trial.id] = _answered(trial, settings)
    if not answered:
        raise DataError("expected questions to evaluate on, got none")
    return AnswerEvaluation(questions=tuple(answered.values()))


def fit_settings(
    qa: QuestionAnswering,
    *,
    given: Iterable[Asked] = (),
    open: Iterable[Asked] = (),
    rule: Rule = _BEST_F1,
    calibration: Method = "platt",
) -> Answering:
    """Settings fitted on gold questions, with a given paragraph, over what the retriever finds, or both together.

    Args:
        qa: The model; for questions in the open setting, with a retriever.
        given: Questions that are asked of their own paragraphs.
        open: Questions whose passages are searched for; they may be the same ones.
        rule: See `fit`.
        calibration: See `fit`.

    Raises:
        ConfigError: As for `trials` and `fit`.
        DataError: No question has a candidate.
    """
    settings: tuple[tuple[Setting, Iterable[Asked]], ...] = (("given", given), ("open", open))
    labelled = [trial.labelled(qa) for name, asked in settings for trial in trials(qa, asked, setting=name)]
    return fit(labelled, rule=rule, calibration=calibration, normalizer=qa.settings.normalizer)


def _answered(trial: Trial, settings: Answering) -> Answered:
    decision = settings.decide(trial.candidates, trial.passages)
    best = decision.text(decision.best) if decision.best else ""
    confidence = decision.best.confidence if decision.best else 0.0
    correct = bool(trial.answers) and bool(exact_match(best, trial.answers, normalize=settings.normalize))
    rankings = _rankings(trial, decision) if trial.setting == "open" and trial.answers else {}
    texts = [passage.text for passage in trial.passages]
    return Answered(
        id=trial.id,
        prediction=decision.prediction,
        best=best,
        answers=trial.answers,
        correct=correct,
        confidence=confidence,
        no_answer_probability=decision.no_answer_probability,
        refusal=decision.refusal,
        ranks={name: ranking.index(_GOLD) + 1 if _GOLD in ranking else None for name, ranking in rankings.items()},
        outcome=attribute(trial.answers, decision, texts, trial.kept, normalize=settings.normalize),
        scores={
            **_answer_scores(decision.prediction, best, trial.answers, settings.normalize),
            "coverage": float(not decision.abstained),
            "brier": (confidence - correct) ** 2,
            **_ranking_scores(rankings),
        },
    )


def _answer_scores(prediction: str, best: str, gold: Sequence[str], normalize: Normalizer) -> dict[str, float]:
    texts = {"given": prediction, "best": best}
    found = score_answers(texts, dict.fromkeys(texts, gold), normalize=normalize)
    given, always = found["given"], found["best"]
    has_answer = {"has_answer_em": given["em"]} if gold else {}
    either = {"em": given["em"], "f1": given["f1"], **has_answer, **given}
    return {**either, "best_em": always["em"], "best_f1": always["f1"]}


_GOLD = "gold"


def _rankings(trial: Trial, decision: Decision) -> dict[str, list[str]]:
    """The passages in the order of each stage, by names of which the first gold one's is `gold`."""
    orders = {"search": list(range(len(trial.passages)))}
    if trial.retrieved is not None:
        orders["retrieve"] = np.argsort(-trial.retrieved, kind="stable").tolist()
    *_, before = orders.values()
    read = decision.candidates.passage[np.argsort(-decision.scores, kind="stable")].tolist()
    orders["final"] = list(dict.fromkeys([*read, *before]))
    return {name: _named(order, trial.gold) for name, order in orders.items()}


def _named(order: Sequence[int], gold: frozenset[int]) -> list[str]:
    first = next((number for number in order if number in gold), None)
    return [_GOLD if number == first else str(number) for number in order]


def _ranking_scores(rankings: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Passages that overlap with the first gold one say nothing new, so the first alone counts."""
    found = score_rankings(rankings, {name: {_GOLD: 1.0} for name in rankings}, recall_at=RECALL_AT)
    prefixes = {name: "" if name == "final" else f"{name}_" for name in found}
    return {f"{prefixes[name]}{metric}": value for name, own in found.items() for metric, value in own.items()}
