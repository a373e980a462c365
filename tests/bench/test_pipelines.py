"""Accuracy and speed of the shipped pipelines beside the peer: a test for every bar, all measured in one run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from cascade.config import shipped
from tests.bench.bars import BARS, MEGABYTES, PEER, PIPELINES, SPEED, Bar, cases
from tests.bench.fresh import in_fresh_process
from tests.bench.measure import speed
from tests.bench.results import Results
from tests.bench.settings import SETTINGS, TREES, accuracy

pytestmark = pytest.mark.bench

Measure = Callable[[str, str], None]


@pytest.fixture(scope="session")
def measure(results: Results, peer: str | None) -> Measure:
    """Measures a pipeline, and the peer with it; what has been measured before is kept."""
    places = {PEER: peer} if peer else {}

    @cache
    def measure_accuracy(name: str) -> None:
        found = in_fresh_process(accuracy, places.get(name, name), PIPELINES.get(name, TREES))
        for setting, figures in found.items():
            results.add(name, setting, figures)

    @cache
    def measure_speed() -> None:
        theirs = [name for name, settings in PIPELINES.items() if set(TREES) <= set(settings)]
        ours = {name: name for name in theirs if name in shipped() and shipped()[name].has_weights}
        for name, figure in in_fresh_process(speed, {**ours, **places}).items():
            results.add(name, SPEED, {"words_per_second": figure})

    def measure(pipeline: str, setting: str) -> None:
        if setting == SPEED:
            measure_speed()
        else:
            measure_accuracy(pipeline)

    return measure


@pytest.mark.parametrize("bar", cases(BARS))
def test_bar(
    bar: Bar,
    data_folder: Path,
    require_weights: Callable[[str], str],
    peer: str | None,
    measure: Measure,
    results: Results,
) -> None:
    require_weights(bar.pipeline)
    if bar.over != "nothing" and peer is None:
        pytest.skip("CASCADE_PEER names no pipeline to compare with")
    if bar.setting in SETTINGS and not SETTINGS[bar.setting].is_there:
        pytest.skip(f"{SETTINGS[bar.setting].data} is not on this machine")
    measure(bar.pipeline, bar.setting)
    if bar.over != "nothing":
        measure(PEER, bar.setting)
    found = results.fresh[bar.pipeline][bar.setting]
    assert bar.figure in found, f"{bar.pipeline} has no {bar.figure}, but {', '.join(found)}"
    sign = "at most" if bar.most else "at least"
    message = f"{bar.figure} {found[bar.figure]:.4f}, expected {sign} {bar.needed(results.fresh):.4f}"
    assert bar.is_met(results.fresh), message


@pytest.mark.parametrize("pipeline", MEGABYTES)
def test_its_folder_is_small(pipeline: str, require_weights: Callable[[str], str]) -> None:
    files = [path for path in shipped()[require_weights(pipeline)].model.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MEGABYTES[pipeline] * 1e6
