"""The samplings that follow an equation: their shares beside the equation, worked out by hand."""

from __future__ import annotations

from math import exp
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import TrainingError
from cascade.training.history import History
from cascade.training.sampling import (
    Annealed,
    GapDriven,
    LossDriven,
    Proportional,
    Sampling,
    Temperature,
    Uniform,
)

SIZES = {"low": 80, "middle": 15, "top": 5}


@pytest.mark.parametrize(
    ("sampling", "seen", "expected"),
    [
        (Uniform(), {}, [1 / 3, 1 / 3, 1 / 3]),
        (Proportional(), {}, [0.8, 0.15, 0.05]),
        (Temperature(temperature=1.0), {}, [0.8, 0.15, 0.05]),
        # 80^(1/2) + 15^(1/2) + 5^(1/2) = 8.944 + 3.873 + 2.236 = 15.053
        (Temperature(), {}, [0.5942, 0.2573, 0.1485]),
        (Temperature(temperature=1.0, cap=20), {}, [0.5, 0.375, 0.125]),
        # e = 1, 3 and 5 of 5: a = 1, 0.6 and 0.2
        (Annealed(), {"epoch": 0, "epochs": 5}, [0.8, 0.15, 0.05]),
        (Annealed(), {"epoch": 2, "epochs": 5}, [80**0.6, 15**0.6, 5**0.6]),
        (Annealed(), {"epoch": 4, "epochs": 5}, [80**0.2, 15**0.2, 5**0.2]),
        (Annealed(), {"epoch": 0, "epochs": 1}, [0.8, 0.15, 0.05]),
    ],
)
def test_by_size(sampling: Sampling, seen: dict[str, Any], expected: list[float]) -> None:
    shares = sampling.shares(SIZES, History(**seen))
    total = sum(expected)
    assert shares == pytest.approx({t: e / total for t, e in zip(SIZES, expected, strict=True)}, abs=1e-4)


def test_by_losses() -> None:
    sampling = LossDriven(temperature=0.25)
    assert sampling.shares(SIZES, History()) == pytest.approx(dict.fromkeys(SIZES, 1 / 3))
    losses = [{"low": 4.0, "middle": 9.0}, {"low": 2.0, "top": 5.0}, {"low": 1.0, "top": 4.0}]
    # low has halved, middle has been drawn once, top has fallen by a fifth, and once in two epochs
    parts = [exp(0.5 / 0.25), exp(1.0 / 0.25), exp(0.8 / 0.25)]
    shares = sampling.shares(SIZES, History(losses=losses))
    assert list(shares.values()) == pytest.approx([part / sum(parts) for part in parts])


def test_by_gaps() -> None:
    sampling = GapDriven(goals={"low": 0.9, "middle": 0.8, "top": 0.7})
    assert sampling.shares(SIZES, History()) == pytest.approx(dict.fromkeys(SIZES, 1 / 3))
    scores = [dict.fromkeys(SIZES, 0.0), {"low": 0.6, "middle": 0.85, "top": 0.6}]
    assert sampling.shares(SIZES, History(scores=scores)) == pytest.approx({"low": 0.75, "middle": 0.0, "top": 0.25})
    reached = [{"low": 0.9, "middle": 0.85, "top": 0.7}]
    assert sampling.shares(SIZES, History(scores=reached)) == pytest.approx(dict.fromkeys(SIZES, 1 / 3))
    with pytest.raises(TrainingError, match="GapDriven goes by scores, but middle, top has none"):
        sampling.shares(SIZES, History(scores=[{"low": 0.9}]))


def test_a_task_without_a_goal_keeps_its_share() -> None:
    """As auxiliary tasks do, which have no score: 1 / 3, and the gaps 0.3 and 0.1 share the other two thirds."""
    sampling, scores = GapDriven(goals={"low": 0.9, "top": 0.7}), [{"low": 0.6, "top": 0.6}]
    shares = sampling.shares(SIZES, History(scores=scores))
    assert shares == pytest.approx({"low": 1 / 2, "middle": 1 / 3, "top": 1 / 6})
    assert sampling.shares({"middle": 3}, History(scores=scores)) == {"middle": 1.0}
    assert not sampling.problems(list(SIZES), within_epochs=True)


@given(
    sampling=st.sampled_from([Uniform(), Proportional(), Temperature(temperature=0.01), Annealed(), LossDriven()]),
    sizes=st.dictionaries(st.text(min_size=1), st.integers(1, 10**9), min_size=1, max_size=8),
    losses=st.lists(st.floats(1e-6, 1e6), max_size=3),
)
def test_shares_sum_to_one(sampling: Sampling, sizes: dict[str, int], losses: list[float]) -> None:
    seen = [dict(zip(sizes, [loss] * len(sizes), strict=True)) for loss in losses]
    shares = sampling.shares(sizes, History(epoch=1, epochs=3, losses=seen))
    assert shares.keys() == sizes.keys()
    assert sum(shares.values()) == pytest.approx(1.0)
    assert min(shares.values()) >= 0


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        (Temperature(temperature=0.0), "temperature= has to be above 0, got 0.0"),
        (Temperature(cap=0), "cap= has to be 1 or more, got 0"),
        (Annealed(fall=1.5), "fall= has to be from 0 to 1, got 1.5"),
        (LossDriven(temperature=-1.0), "temperature= has to be above 0, got -1.0"),
        (GapDriven(goals={}), "goals= is empty: give the score that a task reaches alone"),
        (
            GapDriven(goals={**dict.fromkeys(SIZES, 0.9), "ner": 0.9}),
            "goals= names ner, but the graph has low, middle, top",
        ),
        (GapDriven(goals={**dict.fromkeys(SIZES, 0.9), "top": 90.0}), "goals= have to be above 0 and up to 1, got top"),
    ],
)
def test_settings_that_make_no_sense(sampling: Sampling, message: str) -> None:
    (problem,) = sampling.problems(list(SIZES), within_epochs=True)
    assert problem.startswith(message)
