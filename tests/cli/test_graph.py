from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cascade import registry


@pytest.mark.parametrize("source", ["model", "config"])
def test_a_graph_as_text(run, request: pytest.FixtureRequest, source: str) -> None:
    place = request.getfixturevalue(source)
    shown = run("graph", place)
    assert "sents" in shown.stdout and "Tagging" in shown.stdout and shown.stderr == ""
    assert run("graph", place, "--format", "mermaid").stdout.startswith("flowchart BT")
    assert run("graph", place, "--format", "dot").stdout.startswith("digraph cascade {")


def test_a_graph_in_a_file(run, config: Path, tmp_path: Path) -> None:
    assert run("graph", config, "--output", tmp_path / "graph.txt").stdout == ""
    assert "Sentences" in (tmp_path / "graph.txt").read_text(encoding="utf8")


def test_a_picture(run, model: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run("graph", model, "--format", "png", "--output", tmp_path / "graph.png")
    assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_needs_a_place_and_a_library(
    run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "--output FILE" in run("graph", model, "--format", "png", code=2).stderr
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run("graph", model, "--format", "png", "--output", tmp_path / "graph.png", code=1)
    assert "cascade-nlp[plots]" in result.stderr and not (tmp_path / "graph.png").exists()


def test_what_cannot_be_drawn_is_an_error(run, tmp_path: Path) -> None:
    assert "no model" in run("graph", tmp_path, code=1).stderr
    (tmp_path / "empty.cfg").touch()
    assert "expected one component with a graph" in run("graph", tmp_path / "empty.cfg", code=1).stderr


def test_a_cycle_is_named(run, config: Path, tmp_path: Path) -> None:
    edge = '@cascade_edges = "cascade.Hidden.v1"\n'
    section = "\n[components.cascade.graph.edges.{}.{}.hidden]\n" + edge
    (tmp_path / "cycle.cfg").write_text(
        config.read_text() + section.format("tag", "sents") + section.format("sents", "tag")
    )
    assert "cycle" in run("graph", tmp_path / "cycle.cfg", code=1).stderr
    assert "cascade.Hidden.v1" in registry.edges.names()
