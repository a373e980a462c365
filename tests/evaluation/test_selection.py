from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from cascade.errors import ConfigError, DataError
from cascade.evaluation.selection import aurc, conformal_threshold, precision_threshold, risk_coverage

PAIRS = st.lists(st.tuples(st.integers(0, 5).map(float), st.booleans()), min_size=1, max_size=20)


def test_hand_worked_curve() -> None:
    curve = risk_coverage([0.9, 0.1, 0.7, 0.5], [1, 0, 0, 1])
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert curve.risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert aurc([0.9, 0.1, 0.7, 0.5], [1, 0, 0, 1]) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


@given(st.lists(st.tuples(st.integers(0, 2).map(float), st.booleans()), min_size=1, max_size=6))
def test_ties_are_in_expectation(pairs: list[tuple[float, bool]]) -> None:
    """The mean over all orders that sort the confidences."""
    orders = [
        order for order in permutations(pairs) if all(a[0] >= b[0] for a, b in zip(order, order[1:], strict=False))
    ]
    curves = [[sum(not y for _, y in order[:k]) / k for k in range(1, len(order) + 1)] for order in orders]
    confidence, correct = zip(*pairs, strict=True)
    np.testing.assert_allclose(risk_coverage(confidence, correct).risk, np.mean(curves, axis=0))
    assert aurc(confidence, correct) == pytest.approx(np.mean(curves))


@given(PAIRS, st.randoms())
def test_order_of_questions_and_scale_of_confidence_do_not_matter(
    pairs: list[tuple[float, bool]], random: object
) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    expected = aurc(*zip(*pairs, strict=True))
    assert aurc([math.exp(c) for c, _ in shuffled], [y for _, y in shuffled]) == pytest.approx(expected)


def test_areas_at_the_ends() -> None:
    assert aurc([0.5] * 4, [1, 0, 0, 1]) == 0.5, "the same confidence everywhere gives the base rate"
    assert aurc([1, 2, 3], [1, 1, 1]) == 0
    assert aurc([1, 2, 3], [0, 0, 0]) == 1
    assert aurc([2, 1], [1, 0]) < aurc([1, 1], [1, 0]) < aurc([1, 2], [1, 0])
    assert aurc([2, 1], [0.5, 0.75]) == pytest.approx((0.5 + 0.375) / 2)
    assert math.isnan(aurc([], []))
    assert risk_coverage([], []).coverage.tolist() == []


@given(PAIRS, st.sampled_from([0, 0.3, 0.5, 0.7, 1]))
def test_precision_threshold_answers_most(pairs: list[tuple[float, bool]], precision: float) -> None:
    def right(threshold: float) -> tuple[int, int]:
        chosen = [y for c, y in pairs if c >= threshold]
        return sum(chosen), len(chosen)

    good = [c for c, _ in pairs if 10 * right(c)[0] >= round(10 * precision) * right(c)[1]]
    assert precision_threshold(*zip(*pairs, strict=True), precision) == min(good, default=math.inf)


def test_no_threshold_is_good_enough() -> None:
    assert precision_threshold([3, 2, 1], [0, 1, 1], 0.9) == math.inf
    assert precision_threshold([], [], 0.9) == math.inf
    with pytest.raises(ConfigError, match="got 1.5"):
        precision_threshold([1], [1], 1.5)


def test_fewest_answers_for_a_guarantee() -> None:
    assert conformal_threshold([0.7] * 56, [1] * 56, error=0.1) == math.inf
    assert conformal_threshold([0.7] * 57, [1] * 57, error=0.1) == 0
    assert conformal_threshold([0.7] * 57, [1] * 56 + [0], error=0.1) == math.inf
    assert conformal_threshold([], [], error=0.1) == math.inf


def test_the_threshold_lies_where_the_test_begins_to_fail() -> None:
    sure, unsure = [0.8] * 100, [0.3123] * 400
    threshold = conformal_threshold(sure + unsure, [1] * 100 + [0] * 400, error=0.1)
    assert threshold == 0.313, "the lowest that leaves out every unsure question"
    assert conformal_threshold([1.0] * 100, [1] * 100, error=0.1) == 0


@given(
    st.lists(st.tuples(st.integers(0, 20).map(lambda i: i / 20), st.integers(0, 9).map(bool)), max_size=400),
    st.sampled_from([0.1, 0.3, 0.6]),
)
def test_conformal_threshold_by_its_description(pairs: list[tuple[float, bool]], error: float) -> None:
    def passes(threshold: float) -> bool:
        chosen = [y for c, y in pairs if c >= threshold]
        return float(binom.cdf(len(chosen) - sum(chosen), len(chosen), error)) <= 0.05 / 20

    certified = [math.inf]
    for start in range(0, 1000, 50):
        place = start
        while place >= 0 and passes(place / 1000):
            certified.append(place / 1000)
            place -= 1
    confidence, correct = [c for c, _ in pairs], [y for _, y in pairs]
    assert conformal_threshold(confidence, correct, error=error) == min(certified)


def ramp(confidence: np.ndarray) -> np.ndarray:
    return confidence


def dips(confidence: np.ndarray) -> np.ndarray:
    """Right more often below 0.5 than just above: error rates do not fall with the threshold."""
    return np.where(confidence > 0.9, 0.97, np.where(confidence > 0.5, 0.82, 0.93))


def level(confidence: np.ndarray) -> np.ndarray:
    """Just above the error rate wanted, everywhere: to answer at all is to fail."""
    return np.full_like(confidence, 0.895)


@pytest.mark.parametrize("steps", [None, 8], ids=["continuous", "ties"])
@pytest.mark.parametrize("accuracy", [ramp, dips, level])
def test_the_guarantee_holds(accuracy: object, steps: int | None) -> None:
    """The error rate of those answered, known exactly here, is too high in no more than `risk` of the draws."""
    assert callable(accuracy)
    error, risk, draws, size = 0.1, 0.2, 300, 500
    rng = np.random.default_rng(0)
    world = np.linspace(0, 1, 20_001)
    world = world if steps is None else np.round(world * steps) / steps
    broken = 0
    for _ in range(draws):
        confidence = rng.choice(world, size)
        correct = rng.random(size) < accuracy(confidence)
        threshold = conformal_threshold(confidence, correct, error=error, risk=risk)
        answered = world[world >= threshold]
        broken += len(answered) > 0 and 1 - accuracy(answered).mean() > error + 1e-9
    assert broken <= binom.ppf(0.999, draws, risk)


def test_the_guarantee_does_not_cost_too_much() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(5000)
    correct = rng.random(5000) < confidence
    # Above t the error rate is (1 - t) / 2, so that 0.8 would be right.
    assert 0.8 < conformal_threshold(confidence, correct, error=0.1) < 0.88
    assert precision_threshold(confidence, correct, 0.9) == pytest.approx(0.8, abs=0.03)


def test_unusable_calibration() -> None:
    for wrong in ({"error": 0.0}, {"error": 1.0}, {"error": 0.1, "risk": 0.0}):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            conformal_threshold([0.5], [1], **wrong)
    with pytest.raises(DataError, match="values between"):
        conformal_threshold([0.5], [0.5], error=0.1)
    with pytest.raises(DataError, match="confidences from 0 to 1"):
        conformal_threshold([2.0], [1], error=0.1)
