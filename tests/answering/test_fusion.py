from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.answering import Fusion, Weight
from cascade.answering.fusion import _design, _loss, _options, _standardised, features, fit_fusion, stage_of
from cascade.data.answers import exact_match, token_f1
from cascade.errors import DataError
from tests.answering.made import asked, candidates


def test_features() -> None:
    made = candidates(
        ["a", "b"], [0, 3], search=[8, 2], retrieve=[1, -1], read=[5, 6], null=[1, 4], rerank=[0, 2], length=[1, 7]
    )
    assert {name: values.tolist() for name, values in features(made).items()} == {
        "retrieve": [1, -1],
        "read": [5, 6],
        "rerank": [0, 2],
        "length": [1, 7],
        "margin": [4, 2],
        "search": [1, 0.25],
        "rank": [0, np.log(4)],
    }
    assert [stage_of(name) for name in ("search", "rank", "margin", "length")] == ["search", "search", "read", "length"]


def test_features_of_a_smaller_graph() -> None:
    found = features(candidates(["a"], read=[2]))
    assert {name: values.tolist() for name, values in found.items()} == {"read": [2], "margin": [2]}
    assert features(candidates(["a", "b"], search=[0, 0]))["search"].tolist() == [0, 0]
    assert features(candidates(["a", "b"], search=[-0.5, 0.25]))["search"].tolist() == [-1, 0.5]  # as cosines can be
    assert set(features(candidates([], read=[], null=[], search=[]))) == {"read", "margin", "search", "rank"}


def test_unfitted_it_adds_the_logits() -> None:
    made = candidates(["a", "b"], read=[5, 6], null=[1, 4], retrieve=[1, -1], rerank=[0.5, 2], length=[3, 9])
    assert Fusion().scores(made).tolist() == [5.5, 3]
    assert Fusion().none_score(made) == 0
    assert Fusion().scores(candidates(["a"])).tolist() == [0]


def test_re3qa() -> None:
    made = candidates(["a"], read=[5], null=[1], retrieve=[1], rerank=[2], length=[10])
    assert Fusion.re3qa().scores(made) == pytest.approx([5 - 0.5 + 1.4 + 2.8])


def test_contributions_add_up_and_a_missing_stage_adds_nothing() -> None:
    fusion = Fusion(
        weights={"read": Weight(weight=2, mean=1, scale=4), "rerank": Weight(weight=1, mean=7)}, none=0.5, passages=2
    )
    made = candidates(["a", "b"], [0, 1], read=[5, -3], rerank=[7, 9])
    parts = fusion.contributions(made)
    assert {name: values.tolist() for name, values in parts.items()} == {"read": [2, -2], "rerank": [0, 2]}
    assert fusion.scores(made).tolist() == [2, 0]
    assert fusion.none_score(made) == pytest.approx(0.5 + 2 * np.log(2))
    assert fusion.scores(candidates(["a"], read=[5])).tolist() == [2]
    assert fusion.without("read").scores(made).tolist() == [0, 2]
    assert fusion.without("retrieve") == fusion
    assert Fusion.from_json(json.loads(json.dumps(fusion.to_json()))) == fusion


def brute_loss(scores: list[list[float]], rewards: list[list[float]]) -> float:
    """-log of the expected reward, written as it is said."""
    total = 0.0
    for own, reward in zip(scores, rewards, strict=True):
        p = np.exp(own) / np.exp(own).sum()
        total -= float(np.log(p @ np.array(reward)))
    return total


@given(st.data())
def test_the_loss_and_its_gradient(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    grades = [np.round(rng.uniform(size=size) * (rng.uniform(size=size) < 0.6), 2) for size in sizes]
    rewards, begins = _options(grades, sizes)
    scores = rng.normal(0, 3, len(rewards))
    ends = [*begins[1:], len(rewards)]
    parts = [slice(*ends_of) for ends_of in zip(begins, ends, strict=True)]
    loss, slope = _loss(scores, rewards, begins)
    assert loss == pytest.approx(brute_loss([scores[p].tolist() for p in parts], [rewards[p].tolist() for p in parts]))
    for i in range(len(scores)):
        step = np.eye(len(scores))[i] * 1e-6
        difference = _loss(scores + step, rewards, begins)[0] - _loss(scores - step, rewards, begins)[0]
        assert slope[i] == pytest.approx(difference / 2e-6, abs=1e-6)


def test_options_and_design() -> None:
    rewards, begins = _options([np.array([0.0, 1.0]), np.array([0.25])], [2, 1])
    assert rewards.tolist() == [0, 1, 0, 0.25, 0.75]
    assert begins.tolist() == [0, 3]
    design = _design(np.array([[1.0], [2.0], [3.0]]), begins, [1, 3])
    assert design.tolist() == [[1, 0, 0], [2, 0, 0], [0, 1, 0], [3, 0, 0], [0, 1, np.log(3)]]


def test_standardised() -> None:
    names, means, scales, table = _standardised(
        [candidates(["a", "b"], read=[1, 3], retrieve=[5, 5]), candidates(["c"], read=[2])]
    )
    assert names == ["margin", "read", "retrieve"]
    assert means == [2, 2, 5]
    assert scales == pytest.approx([np.sqrt(2 / 3), np.sqrt(2 / 3), 1])
    assert table[:, 2].tolist() == [0, 0, 0]
    assert table[:, 0] == pytest.approx([-np.sqrt(1.5), np.sqrt(1.5), 0])


def test_true_weights_are_recovered() -> None:
    """Candidates are drawn from a conditional logit; what is fitted are its weights, however they are standardised."""
    rng = np.random.default_rng(0)
    questions = [
        asked(rng, passages=passages, none=1.0, per_passage=0.8, words=10**6) for passages in (1, 3, 10) * 1000
    ]
    grades = [question.graded(exact_match) for question in questions]
    fusion = fit_fusion([question.candidates for question in questions], grades, strength=1e-3)
    raw = {name: of.weight / of.scale for name, of in fusion.weights.items()}
    assert raw["margin"] + raw["read"] == pytest.approx(1.0, abs=0.1)
    assert raw["margin"] == pytest.approx(1.0, abs=0.1)
    assert raw["retrieve"] == pytest.approx(0.5, abs=0.05)
    assert raw["rerank"] == pytest.approx(2.0, abs=0.2)
    assert fusion.passages == pytest.approx(0.8, abs=0.15)
    shift = sum(of.weight * of.mean / of.scale for of in fusion.weights.values())
    assert fusion.none + shift == pytest.approx(1.0, abs=0.3)


def test_one_setting_tells_nothing_of_the_number_of_passages() -> None:
    rng = np.random.default_rng(1)
    questions = [asked(rng, passages=3) for _ in range(100)]
    fusion = fit_fusion([q.candidates for q in questions], [q.graded(exact_match) for q in questions])
    assert fusion.passages == pytest.approx(0, abs=0.01)


def test_several_right_candidates_share_the_credit() -> None:
    """Which of two equal answers is meant is not known: the read logits decide, and neither has to win."""
    questions = [candidates(["x", "x", "y"], read=[3, 0, -3])] * 20
    both = fit_fusion(questions, [np.array([1.0, 1.0, 0.0])] * 20)
    scores = both.scores(questions[0])
    assert scores[0] > scores[1] > scores[2]


def test_partial_overlap_is_worth_its_f1() -> None:
    """Where no candidate is wholly right, the one that overlaps is still better than the rest, and than none."""
    names = ["old red ferry", "pier", "boat"]
    grade = np.array([token_f1(name, ["red ferry"]) for name in names])
    assert grade == pytest.approx([0.8, 0, 0])
    made = candidates(names, read=[1, 0, 2], rerank=[1, 1, 0])
    fusion = fit_fusion([made] * 50, [grade] * 50)
    scores = fusion.scores(made)
    assert scores[0] > max(scores[1], scores[2], fusion.none_score(made))


def test_questions_without_candidates_say_nothing() -> None:
    some = [candidates(["a", "b"], read=[1, 0])]
    fusion = fit_fusion(some, [np.array([1.0, 0.0])])
    assert fit_fusion([candidates([]), *some], [np.zeros(0), np.array([1.0, 0.0])]) == fusion
    with pytest.raises(DataError, match="expected questions with candidates"):
        fit_fusion([candidates([])], [np.zeros(0)])
    with pytest.raises(DataError, match=r"a grade from 0 to 1 for each of 2 candidates, got shape \(3,\)"):
        fit_fusion(some, [np.zeros(3)])
    with pytest.raises(DataError, match="a grade from 0 to 1"):
        fit_fusion(some, [np.array([2.0, 0.0])])
