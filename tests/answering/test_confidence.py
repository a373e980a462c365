from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from cascade.answering import Calibration
from cascade.answering.confidence import Method, answer_features, fit_calibration, none_features
from cascade.errors import ConfigError, DataError
from cascade.evaluation import ece


def test_features_of_answers_by_hand() -> None:
    found = answer_features(np.array([0.2, 0.6, 0.1]), 0.1, 3)
    assert found["odds"] == pytest.approx([logit(0.2), logit(0.6), logit(0.1)])
    assert found["over_none"] == pytest.approx([np.log(2), np.log(6), 0])
    assert found["over_rest"] == pytest.approx([np.log(2 / 6), np.log(6 / 2), np.log(1 / 6)])
    assert found["passages"] == pytest.approx([np.log(3)] * 3)


def test_features_of_no_answer_by_hand() -> None:
    found = none_features(0.2, 0.4, 5)
    assert {name: values.tolist() for name, values in found.items()} == {
        "odds": pytest.approx([logit(0.4)]),
        "over_best": pytest.approx([np.log(2)]),
        "passages": pytest.approx([np.log(5)]),
    }


@pytest.mark.parametrize(("share", "none"), [(1.0, 0.0), (0.0, 1.0), (1e-300, 1.0)])
def test_features_are_finite(share: float, none: float) -> None:
    both = [*answer_features(np.array([share]), none, 1).values(), *none_features(share, none, 1).values()]
    assert np.isfinite(both).all()


def test_unfitted_it_is_the_probability_itself() -> None:
    shares = np.array([0.2, 0.6])
    assert Calibration()(answer_features(shares, 0.2, 9)) == pytest.approx(shares)
    assert Calibration()(none_features(0.6, 0.2, 9)) == pytest.approx([0.2])


def drawn(rng: np.random.Generator, size: int, weights: dict[str, float], bias: float) -> tuple[dict, np.ndarray]:
    """Features of questions, and correctness drawn from a logistic model of them."""
    passages = np.log(rng.choice([1, 30], size=size))
    features = {"odds": rng.normal(1, 2, size), "over_none": rng.normal(2, 2, size), "passages": passages}
    logits = bias + sum(weights[name] * features[name] for name in weights)
    return features, (rng.uniform(size=size) < expit(logits)).astype(float)


TRUE = {"odds": 0.5, "over_none": 0.3, "passages": -0.4}


def test_true_weights_are_recovered() -> None:
    fitted = fit_calibration(*drawn(np.random.default_rng(0), 20_000, TRUE, -0.5))
    assert fitted.weights == pytest.approx(TRUE, abs=0.06)
    assert fitted.bias == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize(("method", "bar"), [("platt", 0.02), ("isotonic", 0.02), ("temperature", 0.2)])
def test_calibration_makes_calibrated(method: Method, bar: float) -> None:
    rng = np.random.default_rng(1)
    fitted = fit_calibration(*drawn(rng, 20_000, TRUE, -0.5), method=method)
    features, correct = drawn(rng, 20_000, TRUE, -0.5)
    before, after = Calibration()(features), fitted(features)
    assert ece(after, correct) < min(bar, ece(before, correct))


def test_one_fit_is_calibrated_in_either_setting() -> None:
    rng = np.random.default_rng(2)
    features, correct = drawn(rng, 4000, TRUE, -0.5)
    fitted = fit_calibration(features, correct)
    blind = fit_calibration({"odds": features["odds"], "over_none": features["over_none"]}, correct)
    features, correct = drawn(rng, 4000, TRUE, -0.5)
    for setting in (features["passages"] == 0, features["passages"] > 0):
        here = {name: values[setting] for name, values in features.items()}
        assert ece(fitted(here), correct[setting]) < 0.04 < 0.08 < ece(blind(here), correct[setting])


def test_few_questions_change_little() -> None:
    features, correct = drawn(np.random.default_rng(3), 2, TRUE, -0.5)
    fitted = fit_calibration(features, correct, strength=100)
    assert fitted.weights == pytest.approx({"odds": 1, "over_none": 0, "passages": 0}, abs=0.1)
    assert np.isfinite([*fit_calibration(features, np.ones(2)).weights.values()]).all()


@given(st.data())
def test_more_evidence_never_makes_less_sure(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    features = {name: rng.normal(size=30) for name in ("odds", "over_none", "over_rest", "passages")}
    method: Method = data.draw(st.sampled_from(["platt", "isotonic"]))
    fitted = fit_calibration(features, rng.integers(2, size=30).astype(float), method=method)
    assert all(weight >= 0 for name, weight in fitted.weights.items() if name != "passages")
    assert Calibration.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted
    shares = np.sort(rng.dirichlet(np.ones(6)))[::-1]
    confidence = fitted(answer_features(shares[:-1], shares[-1], 4))
    assert (np.diff(confidence) <= 1e-12).all()


def test_temperature_is_one_number() -> None:
    features, correct = drawn(np.random.default_rng(4), 4000, {"odds": 0.5}, 0.0)
    fitted = fit_calibration(features, correct, method="temperature")
    assert fitted.weights == pytest.approx({"odds": 0.5}, abs=0.05)
    assert fitted.bias == 0


def test_what_cannot_be_fitted() -> None:
    features, correct = drawn(np.random.default_rng(5), 3, TRUE, 0)
    with pytest.raises(ConfigError, match="platt, temperature or isotonic as a method of calibration, got 'beta'"):
        fit_calibration(features, correct, method="beta")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"got 3 and \(2,\)"):
        fit_calibration(features, correct[:2])
    with pytest.raises(DataError, match="got 0"):
        fit_calibration({"odds": np.zeros(0)}, np.zeros(0))
