from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss

from cascade.errors import ConfigError, DataError
from cascade.evaluation.calibration import (
    Isotonic,
    Temperature,
    brier,
    ece,
    fit_isotonic,
    fit_temperature,
    reliability,
)

# Multiples of 1/60 hit the edges of 15, 10 and 4 bins.
PAIRS = st.lists(st.tuples(st.integers(0, 60).map(lambda i: i / 60), st.booleans()), min_size=1, max_size=30)


def test_hand_worked_ece() -> None:
    # Bins (0, .25], ..., (.75, 1]: the first has 0 and .25 (right: none), the third .6 and .7 (one), the last 1 (one).
    confidence, correct = [0.0, 0.25, 0.6, 0.7, 1.0], [0, 0, 1, 0, 1]
    diagram = reliability(confidence, correct, bins=4)
    assert diagram.counts.tolist() == [2, 0, 2, 1]
    np.testing.assert_allclose(diagram.confidence, [0.125, np.nan, 0.65, 1])
    np.testing.assert_allclose(diagram.accuracy, [0, np.nan, 0.5, 1])
    assert ece(confidence, correct, bins=4) == pytest.approx(2 / 5 * 0.125 + 2 / 5 * 0.15)


@given(PAIRS, st.sampled_from([1, 4, 10, 15]))
def test_ece_by_its_definition(pairs: list[tuple[float, bool]], bins: int) -> None:
    total = 0.0
    for i in range(bins):
        inside = [(c, y) for c, y in pairs if i / bins < c <= (i + 1) / bins or (i == 0 and c == 0)]
        if inside:
            total += abs(sum(y for _, y in inside) - sum(c for c, _ in inside)) / len(pairs)
    assert ece(*zip(*pairs, strict=True), bins=bins) == pytest.approx(total)


@given(PAIRS)
def test_brier_is_scikit_learns(pairs: list[tuple[float, bool]]) -> None:
    confidence, correct = zip(*pairs, strict=True)
    assert brier(confidence, correct) == pytest.approx(brier_score_loss(correct, confidence, labels=[0, 1]))


def test_partly_right_answers() -> None:
    assert ece([0.5, 0.5], [0.25, 0.75]) == 0
    assert brier([0.5, 0.5], [0.25, 0.75]) == 0.0625


def test_calibrated_confidence_has_almost_no_error() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(20_000)
    correct = rng.random(20_000) < confidence
    assert ece(confidence, correct) < 0.02
    assert ece(confidence**3, correct) > 0.1


def test_no_question() -> None:
    assert np.isnan(ece([], []))
    assert np.isnan(brier([], []))
    assert reliability([], []).counts.sum() == 0
    for fit in (fit_isotonic, fit_temperature):
        with pytest.raises(DataError, match="got"):
            fit([], [])


@pytest.mark.parametrize(
    ("confidence", "correct", "message"),
    [
        ([0.5], [1, 0], "got shapes"),
        ([[0.5]], [[1]], "got shapes"),
        ([1.5], [1], "expected confidences from 0 to 1"),
        ([np.nan], [1], "finite confidences"),
        ([0.5], [2], "correctness from 0 to 1"),
        ([0.5], [np.nan], "correctness from 0 to 1"),
    ],
)
def test_unusable_confidences(confidence: list[float], correct: list[float], message: str) -> None:
    for figure in (ece, brier):
        with pytest.raises(DataError, match=message):
            figure(confidence, correct)


def test_no_bin() -> None:
    with pytest.raises(ConfigError, match="got 0"):
        ece([0.5], [1], bins=0)


def draw(temperature: float, rows: int = 4000, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right once they are divided by `temperature`."""
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(rows, classes)) * 2
    labels = (logits / temperature + rng.gumbel(size=(rows, classes))).argmax(axis=1)
    return logits, labels


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_temperature_is_found(temperature: float) -> None:
    logits, labels = draw(temperature)
    fitted = fit_temperature(logits, labels)
    assert fitted.value == pytest.approx(temperature, rel=0.1)
    found = minimize_scalar(
        lambda log: log_loss(labels, Temperature(value=np.exp(log))(logits)), bounds=(-3, 3), method="bounded"
    )
    assert fitted.value == pytest.approx(np.exp(found.x), rel=1e-3)
    assert (fitted(logits).argmax(axis=1) == logits.argmax(axis=1)).all()


def test_log_odds_are_two_classes() -> None:
    logits, labels = draw(2.0, classes=2)
    odds = logits[:, 1] - logits[:, 0]
    fitted = fit_temperature(odds, labels)
    assert fitted.value == pytest.approx(fit_temperature(logits, labels).value)
    np.testing.assert_allclose(fitted(odds), fitted(logits)[:, 1])


def test_absent_classes_change_nothing() -> None:
    logits, labels = draw(2.0)
    padded = np.concatenate([logits, np.full((len(logits), 2), -np.inf)], axis=1)
    fitted = fit_temperature(padded, labels)
    assert fitted.value == pytest.approx(fit_temperature(logits, labels).value)
    np.testing.assert_allclose(fitted(padded)[:, 3:], 0)


@pytest.mark.parametrize(
    ("odds", "labels", "expected"),
    [
        ([1, 2, -1], [1, 1, 0], 0.01),
        ([1, 2, -1], [0, 0, 1], 100),
        ([0, 0], [0, 1], 1),
        ([2], [1], 0.01),
        ([1e4, -1e4], [1, 1], 100),
    ],
    ids=["all right", "all wrong", "nothing said", "one question", "as often wrong as right"],
)
def test_temperatures_at_the_limit(odds: list[float], labels: list[int], expected: float) -> None:
    fitted = fit_temperature(odds, labels)
    assert fitted.value == expected
    assert np.isfinite(fitted(odds)).all()


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([[1.0, 2.0]], [2], "labels from 0 to 1"),
        ([[1.0, 2.0]], [-1], "labels from 0 to 1"),
        ([[1.0, -np.inf]], [1], "finite for the right class"),
        ([[1.0, np.nan]], [0], "got NaN"),
        ([[1.0, np.inf]], [0], "got NaN or infinity"),
        ([[1.0, 2.0]], [0, 1], "got shapes"),
    ],
)
def test_unusable_logits(logits: list[list[float]], labels: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit_temperature(logits, labels)


POINTS = st.lists(st.tuples(st.integers(-4, 4).map(float), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=20)


@given(POINTS, st.lists(st.floats(-9, 9), max_size=9))
def test_isotonic_is_scikit_learns(points: list[tuple[float, float]], asked: list[float]) -> None:
    scores, correct = (np.array(values) for values in zip(*points, strict=True))
    fitted = fit_isotonic(scores, correct)
    oracle = IsotonicRegression(out_of_bounds="clip").fit(scores, correct)
    np.testing.assert_allclose(fitted([*scores, *asked]), oracle.predict([*scores, *asked]), atol=1e-12)
    assert (np.diff(fitted(np.linspace(-9, 9, 50))) >= -1e-12).all()
    assert np.mean(fitted(scores)) == pytest.approx(np.mean(correct)), "calibrated in the large"


def test_isotonic_mends_what_is_miscalibrated_and_survives_json() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=4000)
    correct = rng.random(4000) < 1 / (1 + np.exp(-3 * scores))
    fitted = fit_isotonic(scores[:2000], correct[:2000])
    assert ece(fitted(scores[2000:]), correct[2000:]) < 0.04
    again = Isotonic(**json.loads(json.dumps(asdict(fitted))))
    np.testing.assert_array_equal(again(scores), fitted(scores))
    assert fitted(0.3).shape == ()


def test_isotonic_of_one_class_or_score() -> None:
    assert fit_isotonic([1, 2, 3], [0, 0, 0])([0, 9]).tolist() == [0, 0]
    assert fit_isotonic([2, 2, 2, 2], [0, 1, 1, 1])([0, 2, 9]).tolist() == [0.75, 0.75, 0.75]
    assert fit_isotonic([5], [1])(0) == 1
