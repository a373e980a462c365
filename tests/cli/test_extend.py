from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confection import Config

from cascade import storage
from cascade.graph import TaskGraph
from cascade.registry import graph_to_config
from cascade.training.regularizers import load_fisher


@pytest.fixture(scope="module")
def old(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model of boundaries and tags."""
    from typer.testing import CliRunner

    from cascade.cli.app import app

    folder = tmp_path_factory.mktemp("runs") / "old"
    result = CliRunner().invoke(app, ["train", str(config), "--output", str(folder), "--cascade.trainer.epochs", "1"])
    assert result.exit_code == 0, result.output
    return folder / "best"


@pytest.fixture
def larger(config: Path, graph: TaskGraph, tmp_path: Path) -> Iterator[Path]:
    """A config that adds chunks to them."""
    settings = Config().from_disk(config, interpolate=False)
    settings["components"]["cascade"]["graph"] = graph_to_config(graph.closure(["chunk"]))
    settings.to_disk(tmp_path / "larger.cfg")
    yield tmp_path / "larger.cfg"


def test_a_task_is_added_and_what_the_old_ones_lost_is_told(run, old: Path, larger: Path, tmp_path: Path) -> None:
    options = ["--cascade.trainer.frozen", '["sents"]', "--output", tmp_path / "new", "--json"]
    report = json.loads(run("extend", old, larger, *options).stdout)
    assert report["model"] == str(tmp_path / "new" / "best") and report["before"] == str(old)
    assert [change["task"] for change in report["changes"]] == ["sents", "tag"]
    kept, tag = report["changes"]
    assert kept["before"] == kept["after"] and kept["by_doc"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert tag["metric"] == "tag_acc" and tag["delta"] == pytest.approx(tag["after"] - tag["before"])
    assert tag["before"] == pytest.approx(storage.read_meta(old)["scores"]["dev"]["tag_acc"])
    assert set(storage.load(tmp_path / "new" / "best").graph.names()) == {"sents", "tag", "chunk"}


def test_the_table_and_resuming(run, old: Path, config: Path, tmp_path: Path) -> None:
    arguments = ["extend", old, config, "--output", tmp_path / "new", "--cascade.trainer.epochs", "1"]
    first = run(*arguments).stdout
    assert "by document" in first and "tag_acc" in first and str(old) in first
    assert "is there already" in run(*arguments, code=1).stderr
    assert run(*arguments, "--resume").stdout == first


def test_bad_input(run, old: Path, config: Path, larger: Path, tmp_path: Path) -> None:
    new = ["--output", tmp_path / "new"]
    assert "no model nix" in run("extend", "nix", config, *new, code=1).stderr
    changed = ["--components.cascade.graph.tasks.tag.hidden", "9"]
    assert "hidden was 8, is 9" in run("extend", old, config, *changed, *new, code=1).stderr
    frozen = ["--cascade.trainer.frozen", '["nix"]']
    assert "frozen= names nix" in run("extend", old, larger, *frozen, *new, code=1).stderr
    assert not (tmp_path / "new").exists()


def test_elastic_weights(run, old: Path, config: Path, larger: Path, tmp_path: Path) -> None:
    fisher = tmp_path / "fisher.safetensors"
    printed = run("fisher", old, config, "--output", fisher, "--task", "tag", "--limit", "1").stdout
    assert "1 documents" in printed and "nodes.tag.decoder.output.bias" in load_fisher(fisher)
    settings = Config().from_disk(larger, interpolate=False)
    elastic = {"@cascade_regularizers": "cascade.Elastic.v1", "fisher": str(fisher)}
    settings["cascade"]["trainer"] |= {"regularizers": {"elastic": elastic}, "epochs": 1}
    settings.to_disk(larger)
    assert "chunk" in run("extend", old, larger, "--output", tmp_path / "new").stdout


def test_of_several_processes_only_the_first_prints(
    run, old: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cascade.training.trainer.Trainer.fit", lambda self, folder, resume: {"tag_acc": 0.5})
    monkeypatch.setattr("cascade.training.processes.is_first", lambda: False)
    assert run("extend", old, config, "--output", tmp_path / "second").stdout == ""
