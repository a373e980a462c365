"""The file of the results grows, and the bars count as they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.bars import BARS, PIPELINES, SPEED, Bar
from tests.bench.results import MACHINE, Results


def printed(results: Results) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(results.table())
    return captured.get()


def test_what_is_known_stays_until_it_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "bench.json"
    first = Results(path)
    first.add("ours", "test", {"dep_las": 0.8})
    first.add("peer", "test", {"dep_las": 0.7})
    second = Results(path)
    second.add("ours", "test", {"dep_las": 0.81})
    written = json.loads(path.read_text())
    assert written["ours"]["test"]["dep_las"] == 0.81
    assert written["peer"]["test"]["dep_las"] == 0.7
    assert written["ours"]["test"].keys() == {"measured", "dep_las"}
    assert "81.00" in printed(second) and "peer" not in printed(second)


def test_a_column_for_every_subject(tmp_path: Path) -> None:
    results = Results(tmp_path / "bench.json")
    results.add(MACHINE, "this run", {"cores": 2})
    results.add("ours", "speed", {"words_per_second": 12_345.6})
    results.add("ours", "test", {"dep_las": 0.8125, "relatedness_mse": 0.225})
    results.add("peer", "speed", {"words_per_second": 9_000.0, "note": "x"})
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed(results).splitlines() if "│" in line]
    assert lines == [
        ["speed", "words_per_second", "12,346", "9,000"],
        ["speed", "note", "", "x"],
        ["test", "dep_las", "81.25", ""],
        ["test", "relatedness_mse", "0.225", ""],
    ]


MEASURED = {"ours": {"set": {"f": 0.8, "mse": 0.2}}, "peer": {"set": {"f": 0.75, "mse": 0.3}}}


@pytest.mark.parametrize(
    ("bar", "needed", "met"),
    [
        (Bar("ours", "set", "f", 0.8), 0.8, True),
        (Bar("ours", "set", "f", 0.81), 0.81, False),
        (Bar("ours", "set", "f", 0.06, over="sum"), 0.81, False),
        (Bar("ours", "set", "f", 1.0, over="multiple"), 0.75, True),
        (Bar("ours", "set", "mse", 0.2, most=True), 0.2, True),
        (Bar("ours", "set", "mse", 0.19, most=True), 0.19, False),
    ],
)
def test_what_a_bar_asks_for(bar: Bar, needed: float, met: bool) -> None:
    assert bar.needed(MEASURED) == pytest.approx(needed)
    assert bar.is_met(MEASURED) is met


def test_every_bar_is_measured() -> None:
    assert all(bar.setting in (*PIPELINES[bar.pipeline], SPEED) for bar in BARS)
    assert len({str(bar) for bar in BARS}) == len(BARS)
