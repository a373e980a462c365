"""A task graph to look at: as a table, as Mermaid or DOT text, as a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import cos, pi, sin
from pathlib import Path
from typing import Any, Protocol

import networkx as nx
from rich.markup import escape
from rich.table import Table

from cascade.graph.specs import Edge


class Drawable(Protocol):
    """What has to be known of a graph."""

    @property
    def encoder(self) -> Any:
        """The encoder's specification."""

    def order(self) -> list[str]:
        """Names in topological order."""

    def task(self, name: str) -> Any:
        """The task of that name."""

    def edges_into(self, name: str) -> Mapping[str, Sequence[Edge]]:
        """Edges into a task by upstream name."""


def draw(graph: Drawable, form: str, *, path: str | Path | None = None) -> Table | str | Path:
    """Draw a graph; see `TaskGraph.draw`."""
    if form == "png":
        if path is None:
            raise ValueError("a picture needs a place: draw('png', path='graph.png')")
        return picture(graph, Path(path))
    forms: Mapping[str, Callable[[Drawable], Table | str]] = {"table": table, "mermaid": mermaid, "dot": dot}
    if form not in forms:
        raise ValueError(f"unknown format {form!r}: choose one of {', '.join([*forms, 'png'])}")
    return forms[form](graph)


def table(graph: Drawable) -> Table:
    """One row a task: what it is, where it reads the encoder, what flows into it."""
    drawn = Table(title=escape(f"encoder: {graph.encoder!r}"), title_justify="left")
    for column in ("task", "kind", "unit", "layer", "reads from"):
        drawn.add_column(column)
    for name in graph.order():
        task = graph.task(name)
        edges = "\n".join(f"{up}: {', '.join(e.describe() for e in es)}" for up, es in graph.edges_into(name).items())
        cells = (name, _kind(task), task.unit, layer_name(task.layer), edges or "encoder only")
        drawn.add_row(*map(escape, cells))
    return drawn


def mermaid(graph: Drawable) -> str:
    """A Mermaid flowchart, bottom to top."""
    ids = _ids(graph)

    def quoted(text: str) -> str:
        return '"' + text.replace('"', "#quot;") + '"'

    lines = ["flowchart BT", f"    encoder[[{quoted(_kind(graph.encoder))}]]"]
    lines += [f"    {ids[n]}[{quoted(f'{n}: {_kind(graph.task(n))}')}]" for n in ids]
    lines += [f"    encoder -- {quoted(layer_name(graph.task(n).layer))} --> {ids[n]}" for n in ids]
    lines += [f"    {ids[u]} -- {quoted(kinds)} --> {ids[d]}" for u, d, kinds in _flows(graph)]
    return "\n".join(lines) + "\n"


def dot(graph: Drawable) -> str:
    """Graphviz DOT, bottom to top."""
    ids = _ids(graph)

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    lines = ["digraph cascade {", "    rankdir=BT;", "    node [shape=box];"]
    lines += [f"    encoder [label={quoted(_kind(graph.encoder))}];"]
    lines += [f"    {ids[n]} [label={quoted(f'{n}: {_kind(graph.task(n))}')}];" for n in ids]
    lines += [f"    encoder -> {ids[n]} [label={quoted(layer_name(graph.task(n).layer))}, style=dashed];" for n in ids]
    lines += [f"    {ids[u]} -> {ids[d]} [label={quoted(kinds)}];" for u, d, kinds in _flows(graph)]
    return "\n".join([*lines, "}"]) + "\n"


def picture(graph: Drawable, path: Path) -> Path:
    """A PNG, the first tasks at the bottom; needs matplotlib (the extra `plots`)."""
    from matplotlib.figure import Figure

    plain: Any = nx.DiGraph()
    plain.add_nodes_from(graph.order())
    plain.add_edges_from((u, d, {"kinds": kinds}) for u, d, kinds in _flows(graph))
    # On a circle no edge runs behind a node; the tasks climb it on alternate sides.
    heights = [pi * (i + 0.5) / len(plain) for i in range(len(plain))]
    places = {n: ((-1) ** i * sin(h), -cos(h)) for i, (n, h) in enumerate(zip(plain, heights, strict=True))}
    figure = Figure(figsize=(5 + 0.8 * len(plain), 4 + 0.8 * len(plain)))
    axes = figure.add_subplot()
    nx.draw_networkx_nodes(plain, places, ax=axes, node_color="#cfe2f3", node_size=2800)
    nx.draw_networkx_labels(plain, places, ax=axes, font_size=9)
    nx.draw_networkx_edges(plain, places, ax=axes, arrowsize=16, node_size=2800)
    labels = nx.get_edge_attributes(plain, "kinds")
    nx.draw_networkx_edge_labels(plain, places, labels, ax=axes, font_size=8, label_pos=0.35)
    axes.set_axis_off()
    axes.margins(0.2)
    figure.savefig(path, format="png", dpi=120, bbox_inches="tight")
    return path


def layer_name(layer: object) -> str:
    """An encoder layer in few words."""
    return f"layer {layer}" if isinstance(layer, int) else str(layer)


def _ids(graph: Drawable) -> dict[str, str]:
    """Names that every format can hold, since a task may be called anything."""
    return {name: f"n{i}" for i, name in enumerate(graph.order())}


def _kind(spec: object) -> str:
    return type(spec).__name__


def _flows(graph: Drawable) -> list[tuple[str, str, str]]:
    """Upstream name, downstream name and kinds of the edges between them."""
    into = {name: graph.edges_into(name) for name in graph.order()}
    return [(u, d, ", ".join(map(_kind, edges))) for d, bundles in into.items() for u, edges in bundles.items()]
