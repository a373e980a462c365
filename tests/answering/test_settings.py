from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.answering import Aggregation, Answering, Calibration, Candidates, Fusion, Limits, Weight
from cascade.errors import ConfigError, ModelError, StoreError
from tests.answering.made import asked, candidates


def ferries() -> Candidates:
    """ "boat" has the best candidate, "ferry" more probability: e^2, e^1.5 and e^1.5 beside 1 for none."""
    return candidates(
        ["boat", "The ferry", "ferry", "pier"], [0, 1, 2, 2], read=[3, 2.5, 1.5, 0], null=[1, 1, 0, 0], rerank=[0] * 4
    )


def test_unfitted_by_hand() -> None:
    decision = Answering().decide(ferries())
    total = np.exp([2, 1.5, 1.5, 0]).sum() + 1
    ferry, boat, pier = decision.groups
    assert [decision.text(group) for group in decision.groups] == ["The ferry", "boat", "pier"]
    assert decision.scores.tolist() == [2, 1.5, 1.5, 0]
    assert ferry.members == (1, 2) and ferry.best == 1
    assert ferry.probability == pytest.approx(2 * np.exp(1.5) / total)
    assert ferry.confidence == pytest.approx(ferry.probability)
    assert ferry.support == pytest.approx({1: np.exp(1.5) / total, 2: np.exp(1.5) / total})
    assert boat.support == pytest.approx({0: np.exp(2) / total})
    assert ferry.evidence["count"] == 0.5
    assert decision.no_answer_probability == pytest.approx(1 / total)
    assert decision.refusal == pytest.approx(-np.log(2 * np.exp(1.5)))
    assert (decision.abstained, decision.prediction, decision.best) == (False, "The ferry", ferry)
    assert pier.members == (3,)


def test_the_best_candidate_wins_without_aggregation() -> None:
    plain = Answering().without("aggregation")
    assert plain.aggregation == Aggregation(weights={"best": 1.0})
    assert plain.decide(ferries()).prediction == "boat"


def test_of_equal_evidence_the_better_candidate_decides() -> None:
    counted = Answering(aggregation=Aggregation(weights={"count": 1.0}))
    decision = counted.decide(candidates(["pier", "boat", "ferry"], read=[1, 3, 2]))
    assert [decision.text(group) for group in decision.groups] == ["boat", "ferry", "pier"]


def test_an_answer_that_shares_words_with_others_is_worth_more() -> None:
    """F1 of "pier" and "north pier" is 2/3: with e^1 and e^0.9 they are worth more than "ferry" with e^1.2."""
    made = candidates(["ferry", "pier", "the north pier"], read=[1.2, 1.0, 0.9])
    probable, worth = Answering(), Answering(aggregation=Aggregation(overlap=0.5))
    assert probable.decide(made).prediction == "ferry"
    one, other = probable.decide(made), worth.decide(made)
    assert [other.text(group) for group in other.groups] == ["pier", "the north pier", "ferry"]
    assert {g.best: g.confidence for g in other.groups} == {g.best: g.confidence for g in one.groups}
    assert other.no_answer_probability == one.no_answer_probability
    assert other.refusal == pytest.approx(np.log(other.no_answer_probability / other.groups[0].confidence))
    assert worth.without("aggregation").decide(made).prediction == "ferry"


def test_it_abstains_when_none_is_more_probable() -> None:
    decision = Answering().decide(candidates(["a", "b"], read=[0.1, -3], null=[2, 2]))
    assert decision.abstained and decision.prediction == ""
    assert decision.text(decision.groups[0]) == "a"  # it stays known what would have been answered
    assert decision.refusal > 0
    assert not replace(Answering(), limits=Limits(refusal=float("inf"))).decide(decision.candidates).abstained
    assert replace(Answering(), limits=Limits(confidence=0.9)).decide(ferries()).abstained


def test_no_candidates() -> None:
    decision = Answering().decide(candidates([]))
    assert (decision.groups, decision.best, decision.abstained, decision.prediction) == ((), None, True, "")
    assert decision.no_answer_probability == 1
    assert replace(Answering(), limits=Limits(refusal=float("inf"))).decide(candidates([])).abstained


def test_what_was_pruned_cannot_win() -> None:
    """RE3QA gives spans that were not reranked 0 for it, which beats a reranked -2; here there is no such row."""
    kept = candidates(["kept"], read=[3], null=[1], rerank=[-2])
    assert [Answering().decide(kept).text(group) for group in Answering().decide(kept).groups] == ["kept"]


def test_without_a_stage() -> None:
    made = candidates(["a", "b"], [0, 1], retrieve=[0, 3], read=[2, 0], rerank=[0, 0])
    assert Answering().decide(made).prediction == "b"
    assert Answering().without("retrieve").decide(made).prediction == "a"
    assert Answering().without("read").decide(made).prediction == "b"


def test_confidence_and_no_answer_do_not_contradict_each_other() -> None:
    sure = Answering(confidence=Calibration(bias=9), no_answer=Calibration(bias=-1))
    decision = sure.decide(ferries())
    assert decision.groups[0].confidence == 1 - decision.no_answer_probability


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.sampled_from([0.1, 1.0, 1000.0]))
def test_what_holds_of_every_decision(seed: int, passages: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    made = asked(rng, passages=passages, words=5).candidates
    weights = {"read": Weight(weight=spread), "rerank": Weight(weight=-spread)}
    mix = dict(zip(("mass", "best", "count", "passages", "union"), rng.dirichlet(np.ones(5)).tolist(), strict=True))
    answering = Answering(fusion=Fusion(weights=weights, none=1.0), aggregation=Aggregation(weights=mix))
    decision = answering.decide(made)
    none = answering.evidence(made)[1]
    assert sum(group.probability for group in decision.groups) + none == pytest.approx(1)
    assert [group.probability for group in decision.groups] == sorted(
        (group.probability for group in decision.groups), reverse=True
    )
    assert sorted(member for group in decision.groups for member in group.members) == list(range(len(made)))
    for group in decision.groups:
        assert len({made.texts[member] for member in group.members}) == 1
        assert decision.scores[group.best] == max(decision.scores[list(group.members)])
        assert set(group.support) == set(made.passage[list(group.members)].tolist())
        assert 0 <= group.confidence <= 1
    assert 0 <= decision.no_answer_probability <= 1
    assert sum(decision.contributions.values()) == pytest.approx(decision.scores)


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_candidates_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = asked(rng, words=6).candidates
    other = made.take(rng.permutation(len(made)))
    one, two = Answering().decide(made), Answering().decide(other)
    assert [one.text(group) for group in one.groups] == [two.text(group) for group in two.groups]
    assert [g.probability for g in one.groups] == pytest.approx([g.probability for g in two.groups])


def test_saved_and_loaded(tmp_path: Path) -> None:
    answering = Answering(
        fusion=Fusion.re3qa(), limits=Limits(refusal=float("inf"), confidence=0.1 + 0.2), normalizer="triviaqa"
    )
    answering.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["answering.json"]
    assert Answering.load(tmp_path) == Answering.load(tmp_path / "answering.json") == answering
    answering.save(tmp_path / "other.json")
    assert Answering.load(tmp_path / "other.json") == answering
    with pytest.raises(StoreError, match=r"cannot write .*nowhere.answering\.json: No such file"):
        answering.save(tmp_path / "nowhere" / "answering.json")


def test_settings_that_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read .*answering\.json: No such file"):
        Answering.load(tmp_path)
    path = tmp_path / "answering.json"
    newer = json.dumps({**Answering().to_json(), "format": 99})
    for content, message in [
        (newer, r"answering\.json: is of format 99, this version reads up to 1"),
        (newer[:50], r"answering\.json is damaged: .*; fit and save the settings again"),
        ("[]", "is damaged"),
        ('{"format": 1}', "is damaged: KeyError"),
    ]:
        path.write_text(content, encoding="utf8")
        with pytest.raises(ModelError, match=message):
            Answering.load(path)


def test_an_unknown_normalizer() -> None:
    with pytest.raises(ConfigError, match="expected one of squad, triviaqa, .* got 'none'"):
        Answering(normalizer="none")
