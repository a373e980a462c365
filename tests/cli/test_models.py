from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cascade import config as configs


@pytest.fixture
def pipelines(tmp_path: Path, model: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped pipelines: one with weights, one without."""
    for name in ("xx_with", "xx_without"):
        (tmp_path / name).mkdir()
        shutil.copy(config, tmp_path / name / "config.cfg")
        (tmp_path / name / "README.md").write_text(f"# {name}\n\nA pipeline\nfor tests.\n\nMore.")
    shutil.copytree(model, tmp_path / "xx_with" / "model")
    monkeypatch.setattr(configs, "_pipelines", lambda: tmp_path)
    return tmp_path


def test_json(run, pipelines: Path) -> None:
    listed = json.loads(run("models", "--json").stdout)
    assert [(m["name"], m["weights"], m["scores"]) for m in listed] == [
        ("xx_with", True, {"dev": {"tag_acc": 0.5}}),
        ("xx_without", False, {}),
    ]
    assert listed[0]["description"] == "A pipeline for tests."


def test_a_table(run, pipelines: Path) -> None:
    shown = run("models").stdout
    assert "dev: tag_acc 0.5000" in shown and "cascade train xx_without" in shown


def test_shipped_names_serve_every_command(run, pipelines: Path) -> None:
    assert "clocks" in run("annotate", "clocks", "--model", "xx_with").stdout
    assert "sents" in run("graph", "xx_without").stdout
    assert "cascade train xx_without" in run("annotate", "x", "--model", "xx_without", code=1).stderr
