from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cascade.answering import Answering, Limits, Outcome, Precision, fit
from cascade.answering.evaluation import Answered, AnswerEvaluation, evaluate_answers, fit_settings, judge
from cascade.answering.questions import QuestionAnswering
from cascade.answering.trials import Setting, Trial, trials
from cascade.data.squad import gold_answers, questions
from cascade.docs import passage_of
from cascade.errors import ConfigError, DataError
from cascade.evaluation import aurc, brier, ece, interval, score_answers
from cascade.retrieval import MemoryRetriever
from cascade.retrieval.questions import paragraphs
from tests.answering.made import candidates
from tests.answering.tiny import articles, reader

ALWAYS, NEVER = Limits(refusal=math.inf), Limits(refusal=-math.inf)


def trial(
    id: str,
    texts: Sequence[str],
    margins: Sequence[float],
    answers: Sequence[str] = (),
    *,
    setting: Setting = "given",
    passage: Sequence[int] | None = None,
    retrieved: Sequence[float] | None = None,
    gold: frozenset[int] = frozenset({0}),
) -> Trial:
    found = candidates(texts, passage, read=margins, null=[0.0] * len(texts))
    count = len(retrieved) if retrieved is not None else 1
    return Trial(
        id=id,
        answers=tuple(answers),
        setting=setting,
        passages=tuple(passage_of(" ".join(["x" * 2000, *answers]), id=f"p{n}") for n in range(count)),
        gold=gold,
        retrieved=None if retrieved is None else np.array(retrieved),
        kept=frozenset(found.passage.tolist()),
        candidates=found,
    )


RIGHT = trial("right", ["Oslo", "a fjord"], [5.0, 0.0], ["Oslo", "in Oslo"])
PARTLY = trial("partly", ["the old clocks", "a fjord"], [4.0, 0.0], ["clocks"])
WRONG = trial("wrong", ["a fjord", "Ghent"], [3.0, 0.0], ["Ghent"])
NONE = trial("none", ["a fjord"], [2.0])
EMPTY = trial("empty", [], [], ["Turku"])
ALL = [RIGHT, PARTLY, WRONG, NONE, EMPTY]


def by_id(report: AnswerEvaluation) -> dict[str, Answered]:
    return {question.id: question for question in report.questions}


def test_every_question_answered() -> None:
    report = judge(ALL, Answering(limits=ALWAYS))
    found = by_id(report)
    assert {id: question.prediction for id, question in found.items()} == {
        "right": "Oslo",
        "partly": "the old clocks",
        "wrong": "a fjord",
        "none": "a fjord",
        "empty": "",
    }
    # clocks in "old clocks": precision 1/2, recall 1, so F1 2/3.
    values = {name: each.value for name, each in report.figures().items()}
    assert values["em"] == values["best_em"] == pytest.approx(1 / 5)
    assert values["f1"] == values["best_f1"] == pytest.approx((1 + 2 / 3) / 5)
    assert values["has_answer_em"] == pytest.approx(1 / 4)
    assert values["has_answer_f1"] == pytest.approx((1 + 2 / 3) / 4)
    assert values["no_answer_accuracy"] == 0
    assert values["coverage"] == pytest.approx(4 / 5)
    assert {id: question.outcome for id, question in found.items()} == {
        "right": Outcome.RIGHT,
        "partly": Outcome.NOT_READ,
        "wrong": Outcome.OUTVOTED,
        "none": Outcome.ANSWERED_UNANSWERABLE,
        "empty": Outcome.PRUNED,
    }


def test_no_question_answered_counts_as_the_official_script_does() -> None:
    report = judge(ALL, Answering(limits=NEVER))
    values = {name: each.value for name, each in report.figures().items()}
    assert values["em"] == values["f1"] == pytest.approx(1 / 5)
    assert values["has_answer_em"] == values["has_answer_f1"] == values["coverage"] == 0
    assert values["no_answer_accuracy"] == 1
    assert values["best_f1"] == pytest.approx((1 + 2 / 3) / 5)
    found = by_id(report)
    assert all(question.prediction == "" for question in report.questions)
    assert found["right"].best == "Oslo" and found["right"].outcome is Outcome.WRONGLY_ABSTAINED
    assert found["none"].outcome is Outcome.RIGHT


def test_confidence_is_held_against_the_best_answer() -> None:
    for limits in (ALWAYS, NEVER):
        report = judge(ALL, Answering(limits=limits))
        sure = [question.confidence for question in report.questions]
        right = [1, 0, 0, 0, 0]
        assert [question.correct for question in report.questions] == [bool(each) for each in right]
        values = {name: each.value for name, each in report.figures().items()}
        assert values["ece"] == pytest.approx(ece(sure, right))
        assert values["brier"] == pytest.approx(brier(sure, right))
        assert values["aurc"] == pytest.approx(aurc(sure, right))
        assert values["brier_base_rate"] == pytest.approx(brier([0.2] * 5, right))
        assert values["aurc_base_rate"] == pytest.approx(aurc([0.2] * 5, right))
    assert sure[-1] == 0 and sure[0] > sure[1] > sure[2]


def test_intervals_are_those_of_the_questions() -> None:
    report = judge(ALL, Answering(limits=ALWAYS))
    assert report.figures()["em"] == interval([1, 0, 0, 0, 0])
    assert report.figures(seed=3)["f1"] == interval([1, 2 / 3, 0, 0, 0], seed=3)


def ranked(**settings: object) -> Answered:
    """Four hits, the third of them gold; two are kept, the gold one with the better candidate."""
    made = trial(
        "q",
        ["Ghent", "Oslo", "Turku"],
        [1.0, 4.0, 2.0],
        ["Oslo"],
        setting="open",
        passage=[3, 2, 3],
        retrieved=[0.1, 0.2, 0.8, 0.9],
        gold=frozenset({2}),
    )
    return by_id(judge([replace(made, **settings)], Answering()))["q"]


def test_ranks_after_every_stage() -> None:
    found = ranked()
    assert found.ranks == {"search": 3, "retrieve": 2, "final": 1}
    scores = found.scores
    assert [scores[f"{stage}recall@1"] for stage in ("search_", "retrieve_", "")] == [0, 0, 1]
    assert scores["search_recall@5"] == 1
    assert [scores[f"{stage}mrr@10"] for stage in ("search_", "retrieve_", "")] == pytest.approx([1 / 3, 1 / 2, 1])
    assert scores["search_ndcg@10"] == pytest.approx(1 / math.log2(4))


def test_passages_without_candidates_stand_behind_those_with() -> None:
    assert ranked(gold=frozenset({1})).ranks == {"search": 2, "retrieve": 3, "final": 3}
    assert ranked(gold=frozenset({1}), retrieved=None).ranks == {"search": 2, "final": 4}


def test_the_first_of_several_gold_passages_counts() -> None:
    found = ranked(gold=frozenset({0, 2}))
    assert found.ranks == {"search": 1, "retrieve": 2, "final": 1}
    assert found.scores["recall@1"] == 1


def test_a_gold_passage_that_was_not_found_has_no_rank() -> None:
    found = ranked(gold=frozenset())
    assert found.ranks == {"search": None, "retrieve": None, "final": None}
    assert found.scores["recall@30"] == found.scores["mrr@10"] == found.scores["search_ndcg@10"] == 0


@pytest.mark.parametrize("settings", [{"setting": "given"}, {"answers": ()}])
def test_nothing_is_ranked_where_the_paragraph_is_given_or_there_is_no_answer(settings: dict[str, object]) -> None:
    found = ranked(**settings)
    assert found.ranks == {} and not any("recall" in name for name in found.scores)


def test_json_holds_every_question() -> None:
    report = judge([EMPTY, RIGHT], Answering())
    plain = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert plain["questions"]["empty"]["refusal"] is None
    assert plain["questions"]["right"]["prediction"] == "Oslo"
    assert plain["questions"]["right"]["scores"]["f1"] == 1
    assert plain["scores"]["em"] == {"value": 0.5, "low": 0.0, "high": 1.0}
    assert sum(plain["outcomes"].values()) == 2


def test_no_question_and_one_that_comes_twice() -> None:
    with pytest.raises(DataError, match="expected questions to evaluate on"):
        judge([], Answering())
    with pytest.raises(DataError, match="question right: expected its id once"):
        judge([RIGHT, RIGHT], Answering())


@pytest.fixture(scope="module")
def qa(tmp_path_factory: pytest.TempPathFactory) -> QuestionAnswering:
    folder = tmp_path_factory.mktemp("tiny")
    return QuestionAnswering(reader(folder), MemoryRetriever(paragraphs(articles(folder))))


@pytest.mark.parametrize("setting", ["given", "open"])
def test_a_model_scores_as_its_answers_do(qa: QuestionAnswering, tmp_path: Path, setting: Setting) -> None:
    asked = list(questions(articles(tmp_path)))
    qa.settings = Answering(limits=ALWAYS)
    report = evaluate_answers(qa, asked, setting=setting)
    gold = gold_answers(articles(tmp_path))
    predictions = {question.id: question.prediction for question in report.questions}
    expected = score_answers(predictions, gold)
    assert {id: {name: report.table[id][name] for name in row} for id, row in expected.items()} == expected
    if setting == "open":
        given = qa.ask_batch([question.text for _, question in asked])
        assert [answers[0].plain if answers else "" for answers in given] == list(predictions.values())


def test_settings_are_fitted_on_both_settings(qa: QuestionAnswering, tmp_path: Path) -> None:
    asked = list(questions(articles(tmp_path)))
    both = [found.labelled(qa) for setting in ("given", "open") for found in trials(qa, asked, setting=setting)]
    fitted = fit_settings(qa, given=asked, open=asked)
    assert fitted.to_json() == fit(both).to_json()
    assert {"search", "rank", "retrieve"} <= fitted.fusion.weights.keys()
    alone = fit_settings(qa, given=asked, rule=Precision(0.9))
    assert "search" not in alone.fusion.weights
    assert alone.limits.refusal == math.inf


def test_what_cannot_be_fitted_or_evaluated(qa: QuestionAnswering, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected questions with candidates"):
        fit_settings(qa)
    with pytest.raises(ConfigError, match="nowhere to look"):
        evaluate_answers(QuestionAnswering(qa.model), questions(articles(tmp_path)), setting="open")
