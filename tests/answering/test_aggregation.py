from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.answering import Aggregation
from cascade.answering.aggregation import EVEN, MEASURES, Evidence, fit_aggregation, gather, groups
from cascade.data.answers import normalize_squad
from cascade.errors import DataError


def test_groups() -> None:
    texts = ["The Ferry", "a boat", "ferry!", "the", ".", "BOAT", "."]
    assert groups(texts, normalize_squad).tolist() == [0, 1, 0, 2, 3, 1, 3]


def by_hand() -> Evidence:
    """Ferry: .3 and .1 in passage 0, .1 in 2. Boat: .2 in passage 0 and .2 in 5. None: .1."""
    return gather(
        ["ferry", "boat", "a ferry", "ferry", "the boat"],
        np.array([0, 0, 0, 2, 5]),
        np.array([0.3, 0.2, 0.1, 0.1, 0.2]),
        0.1,
        normalize=normalize_squad,
        top=4,
    )


def test_measures_by_hand() -> None:
    evidence = by_hand()
    ferry = 1 - (1 - 0.4 / 0.7) * (1 - 0.1 / 0.2)
    boat = 1 - (1 - 0.2 / 0.7) * (1 - 0.2 / 0.3)
    expected = {
        "best": [0.6, 0.4],
        "mass": [5 / 9, 4 / 9],
        "count": [0.5, 0.5],  # the last of five is not among the top four
        "passages": [1 / 3, 2 / 3],
        "union": [ferry / (ferry + boat), boat / (ferry + boat)],
    }
    assert set(evidence.measures) == set(MEASURES) == set(expected)
    for name, shares in expected.items():
        assert evidence.measures[name] == pytest.approx(shares)
    assert evidence.passages.tolist() == [0, 2, 5]
    assert evidence.support == pytest.approx(np.array([[0.4, 0.1, 0], [0.2, 0, 0.2]]))


@given(st.data())
def test_measures_by_brute_force(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    n = data.draw(st.integers(1, 12))
    texts = [f"w{number}" for number in rng.integers(4, size=n)]
    passage, logits = rng.integers(3, size=n), rng.normal(0, 5, n + 1)
    *probability, none = np.exp(logits - np.logaddexp.reduce(logits)).tolist()
    evidence = gather(texts, passage, np.array(probability), none, normalize=normalize_squad, top=n)
    rows = list(zip(texts, passage.tolist(), probability, strict=True))
    raw: dict[str, list[float]] = {name: [] for name in MEASURES}
    for text in dict.fromkeys(texts):
        own = [(g, p) for t, g, p in rows if t == text]
        raw["best"].append(max(p for _, p in own))
        raw["mass"].append(sum(p for _, p in own))
        raw["count"].append(len(own))
        raw["passages"].append(len({g for g, _ in own}))
        missed = 1.0
        for g in {g for g, _ in own}:
            missed *= 1 - sum(p for h, p in own if h == g) / (none + sum(p for _, h, p in rows if h == g))
        raw["union"].append(1 - missed)
    for name, values in raw.items():
        assert evidence.measures[name] == pytest.approx(np.array(values) / sum(values), abs=1e-9)
    assert evidence.support.sum() == pytest.approx(1 - none)


def test_faint_candidates_are_still_told_apart() -> None:
    evidence = gather(["a", "b"], np.array([0, 1]), np.array([1e-200, 3e-200]), 1.0, normalize=lambda text: text, top=9)
    assert evidence.measures["union"] == pytest.approx([0.25, 0.75])


def test_the_mix() -> None:
    mix = Aggregation(weights={"mass": 0.25, "passages": 0.75}).mix(by_hand())
    assert mix == pytest.approx([0.25 * 5 / 9 + 0.75 / 3, 0.25 * 4 / 9 + 0.75 * 2 / 3])
    assert Aggregation().mix(by_hand()) == pytest.approx([5 / 9, 4 / 9])


@pytest.mark.parametrize("weights", [{}, {"mass": 0.5}, {"mass": 1.5, "best": -0.5}, {"rest": 1.0}])
def test_a_mix_is_convex(weights: dict[str, float]) -> None:
    with pytest.raises(DataError, match="weights of 0 or more with a sum of 1 for best, mass"):
        Aggregation(weights=weights)


def test_what_a_group_is_worth() -> None:
    evidence = gather(
        ["ferry", "the north ferry", "North Ferry", "pier"],
        np.array([0, 0, 1, 1]),
        np.array([0.3, 0.1, 0.1, 0.3]),
        0.2,
        normalize=normalize_squad,
        top=4,
    )
    assert evidence.overlap == pytest.approx(np.array([[1, 2 / 3, 0], [2 / 3, 1, 0], [0, 0, 1]]))
    shares = np.array([3, 2, 3]) / 8
    assert Aggregation().worth(evidence) == pytest.approx(shares)
    f1 = np.array([3 + 4 / 3, 2 + 2, 3]) / 8
    assert Aggregation(overlap=0.5).worth(evidence) == pytest.approx((shares + f1) / 2)


@pytest.mark.parametrize("overlap", [-0.1, 1.1, float("nan")])
def test_an_overlap_out_of_range(overlap: float) -> None:
    with pytest.raises(DataError, match="expected an overlap from 0 to 1"):
        Aggregation(overlap=overlap)


def test_json() -> None:
    aggregation = Aggregation(weights={"mass": 0.75, "union": 0.25}, top=5, overlap=0.5)
    plain = json.loads(json.dumps(aggregation.to_json()))
    assert Aggregation.from_json(plain) == aggregation
    assert plain.pop("overlap") == 0.5
    assert Aggregation.from_json(plain) == replace(aggregation, overlap=0.0)  # as it was written before there was one


def made(rng: np.random.Generator, informative: str) -> tuple[Evidence, np.ndarray]:
    """Random evidence of three groups, the right one of which is drawn from one measure."""
    shares = {name: rng.dirichlet(np.ones(3)) for name in MEASURES}
    grade = np.eye(3)[rng.choice(3, p=shares[informative])]
    evidence = Evidence(
        group=np.arange(3), measures=shares, support=np.eye(3), passages=np.arange(3), overlap=np.eye(3)
    )
    return evidence, grade


def test_what_informs_is_weighed() -> None:
    rng = np.random.default_rng(0)
    evidence, grades = zip(*(made(rng, "passages" if i % 4 else "union") for i in range(4000)), strict=True)
    weights = fit_aggregation(evidence, grades).weights
    assert weights["passages"] == pytest.approx(0.75, abs=0.06)
    assert weights["union"] == pytest.approx(0.25, abs=0.06)


def test_no_other_mix_is_more_likely() -> None:
    rng = np.random.default_rng(1)
    evidence, grades = zip(*(made(rng, "count") for _ in range(40)), strict=True)
    grades = tuple(grade * 0.5 for grade in grades)

    def likelihood(weights: np.ndarray) -> float:
        mix = Aggregation(weights=dict(zip(MEASURES, weights.tolist(), strict=True))).mix
        return float(sum(np.log(grade @ mix(one)) for one, grade in zip(evidence, grades, strict=True)))

    fitted = fit_aggregation(evidence, grades, strength=0).weights
    best = likelihood(np.array([fitted.get(name, 0.0) for name in MEASURES]))
    assert all(likelihood(weights) <= best + 0.05 for weights in rng.dirichlet(np.full(5, 0.5), size=500))


def test_questions_that_say_nothing() -> None:
    evidence, grade = made(np.random.default_rng(2), "best")
    assert fit_aggregation([evidence], [0 * grade], top=7) == Aggregation(top=7, overlap=EVEN)
    assert fit_aggregation([evidence, evidence], [0 * grade, grade]) == fit_aggregation([evidence], [grade])
