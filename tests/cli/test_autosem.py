from __future__ import annotations

import json
from pathlib import Path

import pytest

from cascade import storage
from cascade.config import corpora_from_config, read_config
from cascade.evaluation import score_tasks
from tests.diagnostics.trainings import small_config

SMALL = ["--evaluations", 3, "--length", 2, "--rounds", 2, "--largest", 2, "--keep", 0.0]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return small_config(tmp_path)


def test_tasks_and_ratios_as_tables_and_as_json(run, small: Path, tmp_path: Path) -> None:
    """It is judged after every so many batches, however often the config evaluates."""
    out, rarely = tmp_path / "out", ["--cascade.trainer.evaluate_every", 2]
    shown = run("autosem", small, "--main", "chunk", "--output", out, *SMALL, *rarely).stdout
    for part in ("what helps chunk", "main task", "kept", "ratios, by the best dev score of chunk"):
        assert part in shown, part
    again = json.loads(run("autosem", small, "--main", "chunk", "--output", out, *SMALL, *rarely, "--json").stdout)
    assert set(again["utilities"]) == {"sents", "tag", "chunk"} and again["tasks"][0] == "chunk"
    assert again["tried"][0]["ratio"] == {"chunk": 1, "sents": 1, "tag": 1}
    best = max(again["tried"], key=lambda own: own["score"])
    assert again["ratio"] == best["ratio"] and len(again["tried"]) == 2
    rows = [json.loads(line) for line in (out / "selection" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 6] and rows[0]["losses"].keys() == {"chunk"}
    dev = [doc for corpus in corpora_from_config(read_config(small)) for doc in corpus.dev]
    assert score_tasks(storage.load(again["model"]), dev)["chunk"]["chunk_f"] == best["score"]


def test_what_is_of_no_use_is_left_out(run, small: Path, tmp_path: Path) -> None:
    """Whatever belongs to another schedule gives way with it."""
    sweeps = ["--cascade.trainer.schedule", '{"@cascade_schedules": "cascade.Successive.v1"}']
    clips = ["--cascade.trainer.clips", '{"tag": 1.0}', "--cascade.trainer.evaluate_steps", 1]
    options = ["--output", tmp_path / "out", *SMALL, "--keep", 0.99, "--rounds", 9, *sweeps, *clips]
    shown = run("autosem", small, "--main", "chunk", *options).stdout
    assert shown.count("left out") == 2 and (tmp_path / "out" / "mixing" / "1" / "best_by_task" / "chunk").is_dir()
    assert [path.name for path in (tmp_path / "out" / "mixing").iterdir()] == ["1"]


def test_an_unknown_main_task(run, small: Path, tmp_path: Path) -> None:
    options = ["--output", tmp_path / "out", *SMALL]
    assert "Thompson(main=) names trees" in run("autosem", small, "--main", "trees", *options, code=1).stderr
    assert not (tmp_path / "out").exists()
