from __future__ import annotations

import json
from pathlib import Path

import pytest

from cascade import storage
from tests.diagnostics.trainings import small_config

SMALL = ["--evaluations", 3, "--length", 2, "--rounds", 2, "--largest", 2, "--keep", 0.0]


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("cascade.training.run.draw_curves", lambda rows, path: True)
    return small_config(tmp_path)


def test_tasks_and_ratios_as_tables_and_as_json(run, small: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shown = run("autosem", small, "--main", "chunk", "--output", out, *SMALL).stdout
    for part in ("what helps chunk", "main task", "kept", "ratios, by the best dev score of chunk"):
        assert part in shown, part
    again = json.loads(run("autosem", small, "--main", "chunk", "--output", out, *SMALL, "--json").stdout)
    assert set(again["utilities"]) == {"sents", "tag", "chunk"} and again["tasks"][0] == "chunk"
    assert again["tried"][0]["ratio"] == {"chunk": 1, "sents": 1, "tag": 1}
    best = max(again["tried"], key=lambda own: own["score"])
    assert again["ratio"] == best["ratio"] and len(again["tried"]) == 2
    assert storage.load(again["model"]).graph.order()[-1] == "chunk"
    assert json.loads((out / "selection" / "metrics.jsonl").read_text().splitlines()[0])["losses"].keys() == {"chunk"}


def test_what_is_wrong(run, small: Path, tmp_path: Path) -> None:
    options = ["--output", tmp_path / "out", *SMALL]
    assert "Thompson(main=) names trees" in run("autosem", small, "--main", "trees", *options, code=1).stderr
    within = run("autosem", small, "--main", "tag", *options, "--cascade.trainer.evaluate_steps", 2, code=1)
    assert "without evaluate_steps=" in within.stderr
    assert not (tmp_path / "out").exists()
