from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cascade.errors import GraphError
from cascade.graph import Hidden, Labels, Mix, Recurrent, Segments, TaskGraph

ODD = 'x "y" \\ [z]'


@pytest.fixture
def graph(toy: Callable[..., Any], stack: Any) -> TaskGraph:
    """Three tasks with names that formats like to trip over."""
    return (
        TaskGraph(encoder=stack)
        .add(toy("encoder", layer=Mix(layers=(0, 1))))
        .add(toy(ODD, layer=Recurrent(8)), after={"encoder": [Hidden(), Labels(width=5)]})
        .add(toy("parse", layer=2), after={ODD: [Segments()]})
    )


def test_the_table_has_a_row_a_task(graph: TaskGraph) -> None:
    shown = Console(file=StringIO(), width=200)
    shown.print(graph.draw())
    text = shown.file.getvalue()  # type: ignore[attr-defined]
    lines = [line for line in text.splitlines() if "Toy" in line]
    assert [[cell.strip() for cell in line.split("│")][1:-1] for line in lines] == [
        ["encoder", "Toy", "token", "Mix(layers=(0, 1))", "encoder only"],
        [ODD, "Toy", "token", str(Recurrent(8)), "encoder: Hidden(), Labels(width=5)"],
        ["parse", "Toy", "token", "layer 2", f"{ODD}: Segments()"],
    ]
    assert "encoder: Stack(depth=2)" in text


def test_mermaid(graph: TaskGraph) -> None:
    odd = ODD.replace('"', "#quot;")
    assert graph.draw("mermaid").splitlines() == [
        "flowchart BT",
        '    encoder[["Stack"]]',
        '    n0["encoder: Toy"]',
        f'    n1["{odd}: Toy"]',
        '    n2["parse: Toy"]',
        '    encoder -- "Mix(layers=(0, 1))" --> n0',
        f'    encoder -- "{Recurrent(8)}" --> n1',
        '    encoder -- "layer 2" --> n2',
        '    n0 -- "Hidden, Labels" --> n1',
        '    n1 -- "Segments" --> n2',
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:pydot")
def test_dot_is_what_a_parser_of_dot_reads(graph: TaskGraph) -> None:
    pydot = pytest.importorskip("pydot")
    (drawn,) = pydot.graph_from_dot_data(graph.draw("dot"))
    labels = {node.get_name(): node.get_label() for node in drawn.get_nodes() if node.get_label()}
    quoted = '"x \\"y\\" \\\\ [z]: Toy"'
    assert labels == {"encoder": '"Stack"', "n0": '"encoder: Toy"', "n1": quoted, "n2": '"parse: Toy"'}
    edges = {(edge.get_source(), edge.get_destination()): edge.get_label() for edge in drawn.get_edges()}
    assert edges == {
        ("encoder", "n0"): '"Mix(layers=(0, 1))"',
        ("encoder", "n1"): f'"{Recurrent(8)}"',
        ("encoder", "n2"): '"layer 2"',
        ("n0", "n1"): '"Hidden, Labels"',
        ("n1", "n2"): '"Segments"',
    }


def test_a_picture_is_a_png(graph: TaskGraph, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "graph.png"
    assert graph.draw("png", path=path) == path
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content.endswith(b"IEND\xaeB`\x82")


def test_what_cannot_be_drawn(graph: TaskGraph, toy: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="choose one of table, mermaid, dot, png"):
        graph.draw("svg")
    with pytest.raises(ValueError, match="needs a place"):
        graph.draw("png")
    cyclic = TaskGraph().add(toy("a"), after={"b": [Hidden()]}).add(toy("b"), after={"a": [Hidden()]})
    for form in ("table", "mermaid", "dot", "png"):
        with pytest.raises(GraphError, match="cycle"):
            cyclic.draw(form, path="nowhere.png")
