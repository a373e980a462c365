from __future__ import annotations

import json
from pathlib import Path

import pytest

from cascade.diagnostics import grids
from tests.diagnostics.trainings import small_config, work_here

LABELS = "no labels: components.*.graph.edges.*.*.labels=null"


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grids, "run_all", work_here)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return small_config(tmp_path)


def test_a_grid_as_a_table_and_as_json(run, small: Path, tmp_path: Path) -> None:
    options = ["ablate", small, "--output", tmp_path / "out", "--seeds", 2, "--variant", LABELS]
    options += ["--test", f"paths.dev={tmp_path / 'other.conllu'}", "--cascade.trainer.epochs", 1]
    shown = run(*options)
    assert "4/4 no labels, seed 1: done" in shown.stderr
    for part in (
        "on dev, 2 seeds, compared with 'as it is'",
        "on test",
        "chunk_f",
        "no labels",
        "p (docs, Holm)",
        "ms an update",
    ):
        assert part in shown.stdout, part
    again = run(*options, "--json")
    assert "done" not in again.stderr
    report = json.loads(again.stdout)
    assert (report["baseline"], report["seeds"], report["failures"]) == ("as it is", [0, 1], [])
    assert report["variants"] == {"as it is": {}, "no labels": {"components.*.graph.edges.*.*.labels": None}}
    efforts = report["efforts"]
    assert efforts["as it is"]["updates"] == efforts["no labels"]["updates"] == 2
    assert efforts["as it is"]["parameters"] > efforts["no labels"]["parameters"]
    assert all(own["seconds"] > 0 and own["memory"] > 2**20 for own in efforts.values())
    row = next(r for r in report["rows"] if (r["variant"], r["task"], r["split"]) == ("no labels", "tag", "dev"))
    assert row["metric"] == "tag_acc" and set(row["scores"]) == {"0", "1"}
    assert row["delta"].keys() >= {"value", "low", "high", "p", "adjusted", "docs_p"}


def test_values_are_combined(run, small: Path, tmp_path: Path) -> None:
    vary = ["--vary", "cascade.trainer.epochs=1,2", "--vary", "cascade.trainer.clip=null"]
    report = json.loads(run("ablate", small, "--output", tmp_path / "out", "--seeds", 1, *vary, "--json").stdout)
    assert list(report["variants"]) == ["epochs=1, clip=null", "epochs=2, clip=null"]
    assert (tmp_path / "out" / "epochs=2_clip=null" / "0" / "best").is_dir()


def test_what_is_wrong_is_told_before_anything_is_trained(run, small: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("ablate", small, "--output", out, "--vary", "cascade.trainer.epoch=1,2", code=1)
    assert "the config has no cascade.trainer.epoch: the nearest are cascade.trainer.epochs" in result.stderr
    assert "nothing varies" in run("ablate", small, "--output", out, code=1).stderr
    assert "expected 'NAME: " in run("ablate", small, "--output", out, "--variant", "a.b=1", code=2).stderr
    assert "section.key=value" in run("ablate", small, "--output", out, "--vary", "a.b", code=2).stderr
    twice = ["--variant", LABELS, "--variant", LABELS]
    assert "no labels is there twice" in run("ablate", small, "--output", out, *twice, code=1).stderr
    assert not out.exists()


def test_failures_come_after_the_table(run, small: Path, tmp_path: Path) -> None:
    wild = "wild: cascade.trainer.optimizer.rate=1e30, cascade.trainer.clip=null"
    result = run("ablate", small, "--output", tmp_path / "out", "--seeds", 1, "--variant", wild, code=1)
    assert "as it is" in result.stdout and "trainings that failed: 1" in result.stderr
    assert "wild, seed 0: " in result.stderr
