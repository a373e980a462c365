from __future__ import annotations

import os
from pathlib import Path

import pytest
from confection import Config

from cascade.graph import TaskGraph
from cascade.registry import graph_to_config


def test_the_graph_with_widths_labels_and_parameters(run, config: Path) -> None:
    result = run("check", config)
    assert result.stderr == ""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line]
    tasks = {row[0]: row for row in rows}
    assert tasks["encoder"][1:6] == ["Convolutional", "", "", "", "8"]
    assert tasks["tag"][:7] == ["tag", "Tagging", "layer 1", "encoder only", "8", "8", "9"]
    hidden, output = (8 + 1) * 8, (8 + 1) * 9
    assert tasks["tag"][7] == str(hidden + output)
    assert tasks["corpus"][1:] == ["2 docs, 56 words", "2 docs, 56 words", "sents, tag"]


def test_edges_widen_what_comes_in(run, config: Path, graph: TaskGraph, tmp_path: Path) -> None:
    whole = Config().from_disk(config, interpolate=False)
    whole["components"]["cascade"]["graph"] = graph_to_config(graph)
    whole.to_disk(tmp_path / "whole.cfg")
    (row,) = [line for line in run("check", tmp_path / "whole.cfg").stdout.splitlines() if "│ parse " in line]
    assert [cell.strip() for cell in row.split("│")][5] == str(8 + 8 + 4)  # the encoder, Hidden, Labels(width=4)


def test_a_dry_run_computes_losses_and_writes_nothing(run, config: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("check", config, "--dry-run")
    assert "one batch forward and backward" in result.stdout
    assert os.listdir(tmp_path) == []


def test_all_errors_at_once(run, config: Path, tmp_path: Path) -> None:
    result = run(
        "check",
        config,
        *("--components.cascade.graph.tasks.tag.layer", 9),
        *("--corpora.dev.@readers", "nix.Reader.v1"),
        *("--cascade.trainer.@cascade_trainers", "nix.Trainer.v1"),
        *("--nlp.lang", "nix"),
        code=1,
    )
    assert "no language 'nix'" in result.stderr
    assert "task tag reads layer 9" in result.stderr
    assert "nix.Reader.v1" in result.stderr and "nix.Trainer.v1" in result.stderr
    assert "Traceback" not in result.stderr and result.stdout == ""


def test_all_files_at_once(run, config: Path) -> None:
    override = ["--components.cascade.graph.tasks.tag.layer", 9]
    result = run("check", config, "--paths.train", "one.conllu", "--paths.dev", "two.conllu", *override, code=1)
    assert all(text in result.stderr for text in ("one.conllu", "two.conllu", "layer 9"))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (["--paths.train", "nix.conllu"], "nix.conllu"),
        (["--paths.train", "null"], "--paths.train"),
        (["--nix.train", "x"], "nix"),
        (["--cascade.trainer.epochs", "0"], "epochs"),
    ],
)
def test_a_bad_setting_is_named(run, config: Path, override: list[str], says: str) -> None:
    assert says in run("check", config, *override, code=1).stderr


def test_data_without_gold_is_an_error(run, config: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.conllu"
    bare.write_text("1\tMara" + "\t_" * 8 + "\n\n")
    assert "no training Doc has gold for tag" in run("check", config, "--paths.train", bare, code=1).stderr
