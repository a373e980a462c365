"""What a pipeline takes while it runs: memory, processes, the time to load it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.bars import MD, PEER, SM
from tests.bench.fresh import in_fresh_process
from tests.bench.loading import loading
from tests.bench.measure import peaks, processes
from tests.bench.results import Results

pytestmark = pytest.mark.bench

Require = Callable[[str], str]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak from a moment on")
@pytest.mark.parametrize("pipeline", [SM, MD])
def test_memory_stays_where_it_is(pipeline: str, require_weights: Require, results: Results) -> None:
    """However many words there are that were never seen before."""
    found = in_fresh_process(peaks, require_weights(pipeline), [100_000, 1_000_000])
    results.add(pipeline, "memory of a stream, MB after so many words", found)
    assert found["same"]
    assert found["1000000"] <= 1.1 * found["100000"]


@pytest.mark.parametrize("pipeline", [SM, MD])
def test_two_processes_are_faster_than_one(
    pipeline: str, require_weights: Require, data_folder: Path, results: Results
) -> None:
    found = in_fresh_process(processes, require_weights(pipeline), 100_000)
    results.add(pipeline, "n_process, seconds", found)
    assert found["different"] == 0
    assert found["two"] < found["one"]


def test_loading_takes_less_than_two_seconds(require_weights: Require, peer: str | None, results: Results) -> None:
    """After `import spacy`, which imports torch; the import of the toolkit counts. The best of three processes."""
    for name, place in {SM: require_weights(SM), PEER: peer}.items():
        if place:
            found = min((in_fresh_process(loading, place) for _ in range(3)), key=lambda taken: taken["load"])
            results.add(name, "loading, seconds", found)
    assert results.fresh[SM]["loading, seconds"]["load"] < 2
