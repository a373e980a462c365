from __future__ import annotations

import numpy as np
import pytest

from cascade import diagnostics
from cascade.diagnostics.reliability import measures, observe
from cascade.diagnostics.running import parts_of
from cascade.errors import ConfigError, DataError
from tests import questions
from tests.diagnostics.made import accuracy, docs, masked, obedient, tagged

AWAY = [tagged("CCC"), tagged("CAC"), tagged("BC", pos=False)]


def test_figures_and_intervals_of_both_sides() -> None:
    model = obedient()
    up, down = diagnostics.shift(model, docs(), AWAY, resamples=50)
    assert (up.task, up.metric, down.task, down.metric) == ("up", "tag_acc", "down", "pos_acc")
    for found, at_home, away in ((up, docs(), AWAY), (down, docs(), AWAY[:2])):
        for side, given in ((found.inside, at_home), (found.outside, away)):
            assert side.docs == len(given)
            assert side.score.value == pytest.approx(accuracy(model, found.task, given))
            expected = measures(observe(model, parts_of(model, given, 4000))[found.task])
            assert side.ece.value == pytest.approx(expected.ece) and side.brier.value == pytest.approx(expected.brier)
            assert side.score.low <= side.score.value <= side.score.high
        for key, gap in found.difference.items():
            assert gap.value == pytest.approx(getattr(found.outside, key).value - getattr(found.inside, key).value)
            assert gap.low <= gap.high
    assert diagnostics.shift(model, docs(), AWAY, resamples=50) == [up, down]


def test_a_single_document_has_no_spread_and_none_differs_from_itself() -> None:
    given = [tagged("ABC")]
    for found in diagnostics.shift(obedient(), given, given, resamples=5):
        assert set(found.difference["score"]) == {0.0}
        assert found.inside.score.low == found.inside.score.high == found.inside.score.value


def test_intervals_of_a_mean_are_those_of_the_bootstrap() -> None:
    """Documents of one word each: the score is a mean, whose bootstrap deviation is known."""
    model = obedient()
    given = [tagged(tag) for tag in "ABC" * 30]
    (_, found) = diagnostics.shift(model, given, given, resamples=400)
    hits = np.array([accuracy(model, "down", [doc]) for doc in given])
    width = 2 * 1.96 * hits.std() / np.sqrt(len(hits))
    assert found.inside.score.high - found.inside.score.low == pytest.approx(width, rel=0.25)


def test_gold_on_one_side_alone() -> None:
    _, found = diagnostics.shift(obedient(), docs(), [tagged("AB", pos=False)], resamples=3)
    assert (found.task, found.outside, found.difference) == ("down", None, {})


def test_tasks_without_a_distribution() -> None:
    found = diagnostics.shift(
        questions.model_of(questions.chain()), questions.asked()[:2], questions.asked()[2:], resamples=3
    )
    assert {own.task: own.inside.ece is None for own in found} == {"retrieve": False, "read": True, "rerank": True}


def test_what_cannot_be_measured() -> None:
    with pytest.raises(ConfigError, match="1 or more resamples"):
        diagnostics.shift(obedient(), docs(), docs(), resamples=0)
    with pytest.raises(DataError, match="expected gold"):
        diagnostics.shift(obedient(), docs(), [])


def test_auxiliary_tasks_are_not_compared() -> None:
    assert [found.task for found in diagnostics.shift(masked(), docs(), AWAY, resamples=3)] == ["up", "down"]
