from __future__ import annotations

import json
from pathlib import Path

import pytest

from cascade.diagnostics import grids
from tests.diagnostics.trainings import small_config, work_here


def test_transfer_as_a_table_and_as_json(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grids, "run_all", work_here)
    options = ["report", "transfer", small_config(tmp_path), "--output", tmp_path / "out", "--seeds", 1]
    shown = run(*options, "--cascade.trainer.epochs", 1, "--plot", tmp_path / "transfer.png")
    assert "4/4 chunk alone, seed 0: done" in shown.stderr
    for part in ("on dev, 1 seed", "alone with", "chunk_f", "3 separate models", "words/s", "parameters"):
        assert part in shown.stdout, part
    assert (tmp_path / "transfer.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads(run(*options, "--cascade.trainer.epochs", 1, "--json").stdout)
    assert [own["single"]["task"] for own in report["tasks"]] == ["sents", "tag", "chunk"]
    assert report["tasks"][0]["verdict"] in ("negative transfer", "positive transfer", "unclear")
    assert report["cascade"]["models"] == 1 and report["separate"]["parameters"] > 0


def test_what_is_wrong_is_told_at_once(run, tmp_path: Path) -> None:
    config = small_config(tmp_path)
    options = ["report", "transfer", config, "--output", tmp_path / "out"]
    assert "there is no folder" in run(*options, "--plot", tmp_path / "no" / "x.png", code=1).stderr
    assert "the config has no cascade.trainer.epoch" in run(*options, "--cascade.trainer.epoch", 3, code=1).stderr
    assert not (tmp_path / "out").exists()
