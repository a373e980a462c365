from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor

from cascade.training import mixing
from cascade.training.mixing import Ratio, propose, ratios, search

TASKS = ("main", "a", "b")


def peak(*best: float) -> Callable[[dict[str, int]], float]:
    """A score that falls with the distance of the tasks' shares from the best ones."""

    def score(ratio: dict[str, int]) -> float:
        total = sum(ratio.values())
        return 0.9 - math.dist([n / total for n in ratio.values()], best)

    return score


def test_ratios() -> None:
    assert ratios(1) == [(1,)]
    assert ratios(2, largest=3) == [(1, 0), (1, 1), (1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)]
    shares = {tuple(n / sum(ratio) for n in ratio) for ratio in ratios(3, largest=4)}
    assert len(shares) == len(ratios(3, largest=4)), "no two ratios are the same mixture"


@pytest.mark.parametrize("best", [(0.6, 0.4, 0.0), (1 / 3, 0.5, 1 / 6), (0.8, 0.1, 0.1)])
def test_it_finds_the_best_mixture_faster_than_chance(best: tuple[float, ...]) -> None:
    """The rounds until a mixture is tried that is one of the ten best of 150."""
    score, everything = peak(*best), ratios(3)
    values = {ratio: score(dict(zip(TASKS, ratio, strict=True))) for ratio in everything}
    enough = sorted(values.values())[-10]

    def rounds(tried: list[Ratio]) -> int:
        return next(i for i, ratio in enumerate(tried, start=1) if values[ratio] >= enough)

    found = [rounds(list(search(score, TASKS, rounds=15, seed=seed))) for seed in range(3)]
    chance = [rounds([everything[i] for i in np.random.default_rng(s).permutation(len(values))]) for s in range(50)]
    assert np.mean(found) < np.mean(chance) / 1.5
    assert max(found) <= 12


def test_a_task_that_harms_gets_little_where_scores_are_noisy() -> None:
    """With a deviation of a twentieth of the range of the scores, the harmful task has less than half of its part."""

    def best(seed: int) -> Ratio:
        score, chance = peak(0.5, 0.45, 0.05), np.random.default_rng(seed)
        tried = search(lambda ratio: score(ratio) + chance.normal(0, 0.05), TASKS, rounds=15, seed=seed)
        return max(tried, key=tried.__getitem__)

    found = np.array([np.array(ratio) / sum(ratio) for ratio in map(best, range(8))])
    assert found[:, 2].mean() < 1 / 6 < 1 / 3 < found[:, 1].mean()


def test_a_search_is_repeatable_and_tries_nothing_twice() -> None:
    first, again = (search(peak(0.5, 0.3, 0.2), TASKS, rounds=8, seed=4) for _ in range(2))
    assert list(first.items()) == list(again.items())
    assert len(first) == 8
    assert next(iter(first)) == (1, 1, 1)
    assert list(search(peak(0.5, 0.3, 0.2), TASKS, rounds=8, seed=5)) != list(first)


def test_a_search_ends_with_the_last_ratio() -> None:
    tried = search(peak(0.5, 0.5), ["main", "a"], rounds=50, largest=2)
    assert sorted(tried) == ratios(2, largest=2)
    with pytest.raises(ValueError, match="all 4 ratios have been tried"):
        propose(tried, ratios(2, largest=2), np.random.default_rng(0))
    assert search(lambda ratio: 1.0, ["main"], rounds=5) == {(1,): 1.0}


def test_equal_scores_do_no_harm() -> None:
    assert len(search(lambda ratio: 0.5, TASKS, rounds=6)) == 6


def test_expected_improvement_is_the_integral_that_it_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """E max(f - best, 0) over f ~ N(m, s^2), with m and s of the process."""
    tried: dict[Ratio, float] = {(1, 1, 1): 0.5, (1, 0, 2): 0.3, (3, 1, 0): 0.7, (2, 1, 1): 0.6, (1, 1, 0): 0.8}
    left: list[Ratio] = [(1, 2, 0), (4, 1, 0), (5, 3, 1)]
    seen: list[Any] = []
    predict = GaussianProcessRegressor.predict

    def watched(self: object, x: np.ndarray, return_std: bool = False) -> Any:
        seen.append(predict(self, x, return_std=return_std))
        return seen[-1]

    monkeypatch.setattr(GaussianProcessRegressor, "predict", watched)
    chosen = propose(tried, [*tried, *left], np.random.default_rng(0))
    best = seen[1].max()  # of what has been tried, as the process sees it
    gains = [
        quad(lambda f, m=m, s=s: (f - best) * norm.pdf(f, m, s), best, best + 12)[0]
        for m, s in zip(*seen[0], strict=True)
    ]
    assert chosen == left[int(np.argmax(gains))]
    assert mixing._improvements(tried, left) == pytest.approx(gains, abs=1e-6)
