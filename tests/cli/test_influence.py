from __future__ import annotations

import json
from pathlib import Path

from tests.diagnostics.trainings import small_config


def test_conflict_of_a_config_and_of_its_run(run, tmp_path: Path) -> None:
    config, out = small_config(tmp_path), tmp_path / "run"
    options = ["--every", 1, "--docs", 2, "--cascade.trainer.epochs", 1]
    shown = run("report", "conflict", config, "--output", out, *options, "--plot", tmp_path / "conflict.png")
    assert "cosine of the gradients" in shown.stdout and "below 0" in shown.stdout
    assert (tmp_path / "conflict.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads(run("report", "conflict", out, "--json").stdout)
    assert [(own["first"], own["second"]) for own in report["pairs"]] == [
        ("sents", "tag"),
        ("sents", "chunk"),
        ("tag", "chunk"),
    ]
    assert report["pairs"][0]["updates"] == [1, 2]


def test_affinity_of_a_config_and_of_its_run(run, tmp_path: Path) -> None:
    config, out = small_config(tmp_path), tmp_path / "run"
    options = ["--every", 1, "--docs", 2, "--cascade.trainer.epochs", 1, "--groups", 3]
    shown = run("report", "affinity", config, "--output", out, *options, "--plot", tmp_path / "affinity.png")
    for part in ("how much a step for a task", "through, %", "train together"):
        assert part in shown.stdout, part
    assert (tmp_path / "affinity.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads(run("report", "affinity", out, "--json").stdout)
    assert report["tasks"] == ["sents", "tag", "chunk"]
    assert {(own["upstream"], own["downstream"]) for own in report["edges"] if own["exists"]} == {
        ("tag", "chunk"),
        ("sents", "chunk"),
    }
    assert sorted(task for group in report["groups"] for task in group["serves"]) == ["chunk", "sents", "tag"]


def test_a_config_needs_a_folder_and_a_run_has_one(run, tmp_path: Path) -> None:
    config, out = small_config(tmp_path), tmp_path / "run"
    assert "--output DIR" in run("report", "conflict", config, code=1).stderr
    run("report", "conflict", config, "--output", out, "--cascade.trainer.epochs", 1)
    assert "--output is for a config" in run("report", "conflict", out, "--output", tmp_path / "x", code=1).stderr
    assert "holds a run already" in run("report", "conflict", config, "--output", out, code=1).stderr
    assert "cannot read the config" in run("report", "affinity", tmp_path / "nix.cfg", code=1).stderr
