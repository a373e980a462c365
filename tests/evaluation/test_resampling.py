from __future__ import annotations

from itertools import product
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cascade.errors import ConfigError, DataError
from cascade.evaluation.calibration import ece
from cascade.evaluation.resampling import compare, holm, interval, interval_of, intervals, permutation_test

SCORES = st.integers(-4, 4).map(lambda i: i / 4)


def test_interval_of_a_mean_is_the_normal_one_for_many_values() -> None:
    values = np.random.default_rng(0).random(3000)
    mean, low, high = interval(values)
    margin = 1.96 * values.std() / sqrt(len(values))
    assert mean == pytest.approx(values.mean())
    assert (mean - low, high - mean) == (pytest.approx(margin, rel=0.1), pytest.approx(margin, rel=0.1))
    narrow = interval(values, level=0.5)
    assert low < narrow.low < narrow.high < high
    assert interval(values) == interval(values), "the seed fixes it"
    assert interval(values, seed=1) != interval(values)


def test_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(100):
        _, low, high = interval((rng.random(60) < 0.3).astype(float))
        covered += low <= 0.3 <= high
    assert covered >= stats.binom.ppf(0.001, 100, 0.92)


def test_intervals_of_little() -> None:
    assert interval([0.5]) == (0.5, 0.5, 0.5)
    assert interval([1, 1, 1]) == (1, 1, 1)
    assert intervals({}) == {}
    assert intervals({"q": {"em": 1.0}, "r": {"em": 0.0, "f1": 0.5}}) == {"em": (0.5, 0, 1), "f1": (0.5, 0.5, 0.5)}


def test_interval_of_a_figure_draws_samples_together() -> None:
    values = np.random.default_rng(0).random(50)
    assert interval_of(lambda a, b: float(np.mean(a - b)), values, values) == (0, 0, 0)
    assert interval_of(lambda a: float(np.mean(a)), values) == pytest.approx(interval(values))
    found = interval_of(ece, values, values < 0.5)
    assert found.low < found.value < found.high


def test_unusable_samples() -> None:
    with pytest.raises(DataError, match="1 question or more"):
        interval([])
    with pytest.raises(DataError, match="got shapes"):
        interval_of(ece, [0.5], [1, 0])
    with pytest.raises(ConfigError, match="got 95"):
        interval([1, 2], level=95)


@given(st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=8))
def test_permutations_are_all_counted_where_they_are_few(pairs: list[tuple[float, float]]) -> None:
    gaps = [b - a for a, b in pairs]
    swaps = [abs(sum(s * g for s, g in zip(signs, gaps, strict=True))) for signs in product([1, -1], repeat=len(gaps))]
    expected = np.mean([swap >= abs(sum(gaps)) for swap in swaps])
    assert permutation_test(*zip(*pairs, strict=True)) == pytest.approx(expected)


def test_permutation_test_of_right_and_wrong_is_mcnemars() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.random(400) < 0.5).astype(float), (rng.random(400) < 0.56).astype(float)
    won, lost = int(np.sum(second > first)), int(np.sum(second < first))
    expected = stats.binomtest(won, won + lost).pvalue
    assert permutation_test(first, second) == pytest.approx(expected, abs=0.02)
    assert permutation_test(second, first) == permutation_test(first, second)


def test_permutation_test_is_scipys() -> None:
    rng = np.random.default_rng(0)
    first = rng.random(30)
    second = first + rng.normal(0.05, 0.2, 30)
    found = stats.permutation_test(
        (second - first,),
        lambda gaps, axis: gaps.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=9999,
        rng=rng,
    )
    assert permutation_test(first, second) == pytest.approx(found.pvalue, abs=0.03)


def test_alike_and_apart() -> None:
    values = np.linspace(0, 1, 100)
    assert permutation_test(values, values) == 1
    assert permutation_test(values, values + 0.1) == pytest.approx(1 / 10_001)
    assert permutation_test([0.0], [1.0]) == 1, "one question proves nothing"
    assert permutation_test([0.0] * 8, [1.0] * 8) == 2 / 2**8
    with pytest.raises(DataError, match="got shapes"):
        permutation_test([1.0], [1.0, 2.0])


def test_p_values_are_uniform_where_nothing_differs() -> None:
    rng = np.random.default_rng(0)
    found = [permutation_test(*rng.normal(size=(2, 9))) for _ in range(300)]
    assert stats.kstest(found, "uniform").pvalue > 0.001


def test_holm_hand_worked() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []
    with pytest.raises(DataError, match="p-values from 0 to 1"):
        holm([float("nan")])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.floats(0.01, 0.99))
def test_holm_rejects_as_its_step_down_procedure(values: list[float], level: float) -> None:
    rejected: set[int] = set()
    for step, place in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        if values[place] * (len(values) - step) > level:
            break
        rejected.add(place)
    assert {i for i, p in enumerate(holm(values)) if p <= level} == rejected


def test_comparison() -> None:
    questions = [f"q{i}" for i in range(40)]
    first = {q: {"em": float(i % 2), "f1": 0.5, "old": 1.0} for i, q in enumerate(questions)}
    second = {q: {"new": 1.0, "f1": 0.5, "em": 1.0} for q in reversed(questions)}
    em, f1 = compare(first, second)
    assert (em.metric, em.questions, em.first, em.second) == ("em", 40, 0.5, 1.0)
    assert em.difference.value == 0.5
    assert 0.3 < em.difference.low < 0.5 < em.difference.high < 0.7
    assert em.p < 0.001
    assert em.adjusted == pytest.approx(2 * em.p)
    assert (f1.p, f1.adjusted, f1.difference) == (1, 1, (0, 0, 0))


def test_comparison_of_what_cannot_be() -> None:
    with pytest.raises(DataError, match="got 2 that only one has"):
        compare({"a": {"em": 1.0}}, {"b": {"em": 1.0}})
    with pytest.raises(DataError, match="a metric that both have"):
        compare({"a": {"em": 1.0}}, {"a": {"f1": 1.0}})
    with pytest.raises(DataError, match="em: expected scores of the same questions"):
        compare({"a": {"em": 1.0}, "b": {}}, {"a": {}, "b": {"em": 1.0}})
