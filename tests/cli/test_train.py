from __future__ import annotations

import json
from pathlib import Path

import pytest

from cascade import storage


@pytest.fixture(scope="module")
def trained(config: Path, tmp_path_factory: pytest.TempPathFactory):
    """A training that has come to its end, and what it printed."""
    from typer.testing import CliRunner

    from cascade.cli.app import app

    folder = tmp_path_factory.mktemp("runs") / "tiny"
    return folder, CliRunner().invoke(app, ["train", str(config), "--output", str(folder), "--json"])


def test_the_best_model_and_its_scores(trained) -> None:
    folder, result = trained
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["model"] == str(folder / "best")
    assert report["scores"] == storage.read_meta(folder / "best")["scores"]
    assert "tag_acc" in report["scores"]["dev"]


def test_progress_goes_to_stderr(trained) -> None:
    _, result = trained
    assert "epoch" in result.stderr and "tag_acc" in result.stderr


def test_the_model_annotates(run, trained) -> None:
    assert "clocks" in run("annotate", "Mara mends clocks.", "--model", trained[0] / "best").stdout


def test_a_folder_that_is_there_is_kept(run, config: Path, trained, tmp_path: Path) -> None:
    result = run("train", config, "--output", trained[0], code=1)
    assert "is there already: go on with --resume" in result.stderr
    (tmp_path / "file").touch()
    assert "is there already" in run("train", config, "--output", tmp_path / "file", code=1).stderr


def test_resume_goes_on(run, config: Path, trained) -> None:
    folder, first = trained
    result = run("train", config, "--output", folder, "--resume", "--json")
    assert json.loads(result.stdout) == json.loads(first.stdout)


def test_resume_of_another_run_is_refused(run, config: Path, trained) -> None:
    result = run("train", config, "--output", trained[0], "--resume", "--cascade.trainer.seed", "7", code=1)
    assert "seed" in result.stderr


def test_settings_are_changed_by_options(run, config: Path, treebank: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.conllu").write_bytes(treebank.read_bytes())
    options = ["--cascade.trainer.epochs=1", "--paths.train", tmp_path / "copy.conllu"]
    result = run("train", config, "--output", tmp_path / "one", *options)
    assert "tag_acc" in result.stdout and str(tmp_path / "one" / "best") in result.stdout
    assert len((tmp_path / "one" / "metrics.jsonl").read_text().splitlines()) == 1


def test_an_unknown_option_is_named(run, config: Path, tmp_path: Path) -> None:
    result = run("train", config, "--output", tmp_path / "x", "--epochs", "3", code=2)
    assert "no such option: --epochs" in result.stderr and not (tmp_path / "x").exists()


def test_a_missing_config_lists_the_shipped_ones(run, tmp_path: Path) -> None:
    result = run("train", tmp_path / "nix.cfg", "--output", tmp_path / "x", code=1)
    assert "cannot read the config" in result.stderr and "shipped" in result.stderr
    assert run("train", tmp_path / "nix.cfg", code=2).stdout == ""


def test_a_place_that_cannot_be_written_is_an_error(run, config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("train", config, "--output", tmp_path / "file" / "x", code=1)
    assert "cannot write" in result.stderr and "file/x" in result.stderr


def test_of_several_processes_only_the_first_prints(
    run, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cascade.training.trainer.Trainer.fit", lambda self, folder, resume: {"tag_acc": 0.5})
    monkeypatch.setattr("cascade.training.processes.is_first", lambda: False)
    assert run("train", config, "--output", tmp_path / "second").stdout == ""
