from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.answering import BestF1, Conformal, Limits, Outcomes, Precision


def outcomes(seed: int, size: int, *, answerable: float = 0.6) -> Outcomes:
    """Questions of which those with a lower refusal and higher confidence do better."""
    rng = np.random.default_rng(seed)
    possible = rng.uniform(size=size) < answerable
    confidence = rng.uniform(size=size)
    em = possible * (rng.uniform(size=size) < confidence)
    f1 = np.maximum(em, possible * rng.choice([0, 0.4], size=size))
    refusal = rng.normal(size=size) - 2 * possible
    return Outcomes(answerable=possible, refusal=refusal, confidence=confidence, em=em.astype(float), f1=f1)


def mean_f1(made: Outcomes, limits: Limits) -> float:
    pairs = zip(made.refusal.tolist(), made.confidence.tolist(), strict=True)
    refused = np.array([limits.refuse(refusal, confidence) for refusal, confidence in pairs])
    return float(np.mean(np.where(refused, ~made.answerable, made.f1)))


def test_limits() -> None:
    limits = Limits(refusal=1.0, confidence=0.4)
    assert not limits.refuse(1.0, 0.4)
    assert limits.refuse(1.1, 0.4)
    assert limits.refuse(1.0, 0.39)
    assert Limits().refuse(0.01, 0.9) and not Limits().refuse(-0.01, 0.0)


@pytest.mark.parametrize("limits", [Limits(), Limits(refusal=math.inf), Limits(refusal=-math.inf, confidence=math.inf)])
def test_json_without_infinity(limits: Limits) -> None:
    assert Limits.from_json(json.loads(json.dumps(limits.to_json(), allow_nan=False))) == limits


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_no_other_limit_gives_a_better_f1(seed: int, size: int) -> None:
    made = outcomes(seed, size)
    best = mean_f1(made, BestF1().limits(made))
    assert all(mean_f1(made, Limits(refusal=value)) <= best + 1e-12 for value in [*made.refusal, -math.inf, math.inf])


def test_answerable_questions_tell_nothing_of_others() -> None:
    assert BestF1().limits(outcomes(0, 20, answerable=1.0)) == Limits(refusal=math.inf)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 0.8, 1.0]))
def test_precision_is_kept(seed: int, wanted: float) -> None:
    made = outcomes(seed, 40)
    limits = Precision(wanted).limits(made)
    given_ = made.confidence >= limits.confidence
    assert limits.refusal == math.inf
    assert not given_.any() or made.em[given_].mean() >= wanted - 1e-9


def test_conformal() -> None:
    made = outcomes(0, 3000, answerable=1.0)
    limits = Conformal(0.2).limits(made)
    fresh = outcomes(1, 3000, answerable=1.0)
    given_ = fresh.confidence >= limits.confidence
    assert 0.3 < limits.confidence < 0.9
    assert fresh.em[given_].mean() >= 0.78
    assert Conformal(0.2).limits(outcomes(2, 5)) == Limits(refusal=math.inf, confidence=math.inf)
