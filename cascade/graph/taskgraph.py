"""The task graph: tasks as nodes, what flows between their decoders as edges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Self

import networkx as nx

from cascade.errors import GraphError
from cascade.graph.draw import draw
from cascade.graph.specs import Candidates, Edge, Tower, layers_read
from cascade.graph.units import Node, misfit


class TaskGraph(nx.DiGraph):
    """A directed acyclic graph of tasks over one shared encoder.

    Nodes are task names with the attribute `task`; edges carry the attribute `edges`, a tuple of `Edge`.

    Args:
        encoder: The encoder's specification (see `cascade.encoders`).
    """

    def __init__(self, incoming: Any = None, *, encoder: Any = None, **attributes: Any) -> None:
        super().__init__(incoming, **attributes)
        if encoder is not None:
            self.graph["encoder"] = encoder

    @property
    def encoder(self) -> Any:
        """The encoder's specification; an attribute of the graph in networkx's sense, so that its copies keep it."""
        return self.graph.get("encoder")

    def add(self, task: Node, *, after: Mapping[str, Sequence[Edge]] | None = None) -> Self:
        """Add a task and the edges that lead into it; nothing is added when something does not fit.

        Args:
            task: A task with a name of its own.
            after: Edges by upstream name. A name may be added later; `validate` finds those that never are.

        Raises:
            GraphError: The name is taken or not usable, edges are not written as a list of them, or an edge has no
                conversion between the units of its ends.
        """
        if not task.name or "." in task.name:
            raise GraphError(f"a task needs a name without dots, got {task.name!r}: write Task('pos', ...)")
        if self._has(task.name):
            raise GraphError(f"the graph has a task {task.name!r} already: give the second one another name")
        into = after or {}
        problems = [p for up, edges in into.items() for p in self._incoming_problems(up, task, edges)]
        for name in filter(self._has, self.adj.get(task.name, ())):
            problems += _problems(task, self.task(name), self.edges_into(name)[task.name])
        if problems:
            raise GraphError(problems)
        self.add_node(task.name, task=task)
        for upstream, edges in into.items():
            self.add_edge(upstream, task.name, edges=tuple(edges))
        return self

    def _incoming_problems(self, up: str, task: Node, edges: Sequence[Edge]) -> list[str]:
        return _problems(self.task(up), task, edges) if self._has(up) else _malformed(up, task.name, edges)

    def task(self, name: str) -> Any:
        """The task of that name.

        Raises:
            GraphError: There is none.
        """
        if not self._has(name):
            raise GraphError(f"no task {name!r} in the graph: it has {', '.join(self.names()) or 'none'}")
        return self.nodes[name]["task"]

    def _has(self, name: str) -> bool:
        return name in self and self.nodes[name].get("task") is not None

    def names(self) -> list[str]:
        """Names of all tasks in the order in which they were first named."""
        return [name for name in self if self._has(name)]

    def order(self) -> list[str]:
        """Names in topological order; ties in the order in which they were first named.

        This is not networkx's `order()`, the number of nodes: of its algorithms, the few that ask for that instead of
        the length take `nx.DiGraph(graph)`.

        Raises:
            GraphError: There is a cycle.
        """
        rank = {name: i for i, name in enumerate(self)}
        try:
            return list(nx.lexicographical_topological_sort(self, key=rank.__getitem__))
        except nx.NetworkXUnfeasible:
            raise GraphError(self._cycles()) from None

    def edges_into(self, name: str) -> dict[str, tuple[Edge, ...]]:
        """Edges into a task by upstream name."""
        return {upstream: edges or () for upstream, _, edges in self.in_edges(name, data="edges")}

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """Everything upstream of the named tasks, without themselves unless one is upstream of another."""
        return set().union(*(nx.ancestors(self, name) for name in names))

    def pruned(self) -> set[str]:
        """Tasks that lie behind a `Candidates` edge."""
        found: set[str] = set()
        for name in self.order():
            into = self.edges_into(name)
            if not found.isdisjoint(into) or any(isinstance(edge, Candidates) for edge in chain(*into.values())):
                found.add(name)
        return found

    def closure(self, names: Iterable[str]) -> TaskGraph:
        """The subgraph of the named tasks and all that they need.

        Raises:
            GraphError: A name is unknown.
        """
        wanted = {self.task(name).name for name in names}
        keep = wanted | self.ancestors(wanted)
        part = TaskGraph(encoder=self.encoder)
        part.add_nodes_from((n, d) for n, d in self.nodes(data=True) if n in keep)
        part.add_edges_from((u, v, d) for name in part for u, v, d in self.in_edges(name, data=True))
        return part

    def validate(self) -> Self:
        """Check the whole graph and report every problem at once.

        Raises:
            GraphError: With all problems: cycles, unknown names, units without a conversion, edges that carry nothing,
                layers that the encoder does not have, tasks that it is conditioned on and that are not there.
        """
        problems = [] if self.encoder is not None else ["the graph has no encoder: TaskGraph(encoder=...)"]
        if not self.names():
            problems.append("the graph has no task: add one with graph.add(...)")
        problems += [
            f"unknown task {name!r}, upstream of {', '.join(self[name])}: add it, or mend the name in after={{...}}"
            for name in self
            if not self._has(name)
        ]
        problems += self._cycles()
        for up, down, edges in self.edges(data="edges"):
            if self._has(up) and self._has(down):
                problems += _problems(self.task(up), self.task(down), edges)
        problems += [problem for name in self.names() for problem in self._layer_problems(name)]
        problems += [
            f"the encoder is conditioned on the task {name!r}, which is not in the graph: add it, or leave it out there"
            for name in getattr(self.encoder, "conditions", ())
            if not self._has(name)
        ]
        if problems:
            raise GraphError(problems)
        return self

    def _cycles(self) -> list[str]:
        rank = {name: i for i, name in enumerate(self)}
        cycles = []
        for found in nx.simple_cycles(self):
            start = found.index(min(found, key=rank.__getitem__))
            cycles.append([*found[start:], *found[: start + 1]])
        cycles.sort(key=lambda cycle: [rank[name] for name in cycle])
        return [f"cycle {' -> '.join(cycle)}: take one of its edges out" for cycle in cycles]

    def _layer_problems(self, name: str) -> list[str]:
        layer, depth = self.task(name).layer, getattr(self.encoder, "depth", None)
        if depth is None:
            return []
        beyond = [f"layer {i}" for i in layers_read(layer, depth) if not 0 <= i <= depth]
        problems = [f"task {name} reads {i}, but the encoder has layers 0 to {depth}" for i in beyond]
        if isinstance(layer, Tower):
            towers = getattr(self.encoder, "towers", ())
            if layer.tower not in towers:
                known = f"only {', '.join(towers)}" if towers else "no towers: choose a Sluice"
                problems.append(f"task {name} reads the tower {layer.tower!r}, but the encoder has {known}")
            if 0 in layer.layers:
                problems.append(f"task {name} reads a tower at layer 0, but towers begin at layer 1")
        return problems

    def draw(self, format: str = "table", *, path: str | Path | None = None) -> Any:
        """Draw the graph.

        Args:
            format: `table` (a `rich.table.Table`), `mermaid` or `dot` (text), or `png` (written to `path`; needs the
                extra `plots`).
            path: Where a `png` goes.

        Raises:
            ValueError: Another format, or a `png` without a path.
        """
        return draw(self, format, path=path)


def _problems(up: Node, down: Node, edges: Sequence[Edge] | None) -> list[str]:
    """What is wrong with the edges between two tasks."""
    problems = _malformed(up.name, down.name, edges)
    if problems or edges is None:
        return problems
    found = [(edge, misfit(edge, up, down)) for edge in edges]
    where = f"edge {up.name} -> {down.name}"
    return [f"{where}, {edge.describe()}: {problem}" for edge, problem in found if problem is not None]


def _malformed(up: str, down: str, edges: Any) -> list[str]:
    """What is wrong with how the edges between two tasks are written."""
    where = f"edge {up} -> {down}"
    if edges is None or edges in ([], ()):
        return [f"{where} carries nothing: name what flows, such as [Hidden(), Labels()]"]
    if not isinstance(edges, list | tuple):
        return [f"{where}: expected a list such as [Hidden(), Labels()], got {_shown(edges)}: put it into a list"]
    return [
        f"{where}: expected edges such as Hidden(), got {_shown(edge)} in the list"
        for edge in edges
        if not isinstance(edge, Edge)
    ]


def _shown(value: Any) -> str:
    if isinstance(value, Edge):
        return value.describe()
    return f"the class {value.__name__}" if isinstance(value, type) else repr(value)
