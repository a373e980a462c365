"""The task graph: tasks as nodes, what flows between their decoders as edges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import networkx as nx

from cascade.errors import GraphError
from cascade.graph.draw import draw
from cascade.graph.specs import Edge, Mix, Recurrent
from cascade.graph.units import misfits


class TaskGraph(nx.DiGraph):
    """A directed acyclic graph of tasks over one shared encoder.

    Nodes are task names with the attribute `task`; edges carry the attribute `edges`, a tuple of `Edge`.

    Args:
        encoder: The encoder's specification (see `cascade.encoders`).
    """

    def __init__(self, incoming: Any = None, *, encoder: Any = None, **attributes: Any) -> None:
        super().__init__(incoming, **attributes)
        self.encoder = encoder

    def add(self, task: Any, *, after: Mapping[str, Sequence[Edge]] | None = None) -> Self:
        """Add a task and the edges that lead into it.

        Args:
            task: A task with a name of its own.
            after: Edges by upstream name. A name may be added later; `validate` finds those that never are.

        Raises:
            GraphError: The name is taken or not usable, or an edge has no conversion between the units of its ends.
        """
        if not task.name or "." in task.name:
            raise GraphError(f"a task needs a name without dots, got {task.name!r}: write Task('pos', ...)")
        if task.name in self and "task" in self.nodes[task.name]:
            raise GraphError(f"the graph has a task {task.name!r} already: give the second one another name")
        self.add_node(task.name, task=task)
        for upstream, edges in (after or {}).items():
            self.add_edge(upstream, task.name, edges=tuple(edges))
        touched = [*self.in_edges(task.name), *self.out_edges(task.name)]
        problems = [problem for ends in touched for problem in self._misfits(*ends)]
        if problems:
            raise GraphError(problems)
        return self

    def task(self, name: str) -> Any:
        """The task of that name.

        Raises:
            GraphError: There is none.
        """
        if name not in self or "task" not in self.nodes[name]:
            raise GraphError(f"no task {name!r} in the graph: it has {', '.join(self.names()) or 'none'}")
        return self.nodes[name]["task"]

    def names(self) -> list[str]:
        """Names of all tasks in the order in which they were added."""
        return [name for name, task in self.nodes(data="task") if task is not None]

    def order(self) -> list[str]:
        """Names in topological order; ties in the order in which they were added."""
        rank = {name: i for i, name in enumerate(self)}
        return list(nx.lexicographical_topological_sort(self, key=rank.__getitem__))

    def edges_into(self, name: str) -> dict[str, tuple[Edge, ...]]:
        """Edges into a task by upstream name."""
        return {upstream: edges for upstream, _, edges in self.in_edges(name, data="edges")}

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """Everything upstream of the named tasks, without themselves unless one is upstream of another."""
        return set().union(*(nx.ancestors(self, name) for name in names))

    def closure(self, names: Iterable[str]) -> TaskGraph:
        """The subgraph of the named tasks and all that they need.

        Raises:
            GraphError: A name is unknown.
        """
        wanted = {self.task(name).name for name in names}
        keep = wanted | self.ancestors(wanted)
        part = TaskGraph(encoder=self.encoder)
        part.add_nodes_from((n, d) for n, d in self.nodes(data=True) if n in keep)
        part.add_edges_from((u, v, d) for u, v, d in self.edges(data=True) if u in keep and v in keep)
        return part

    def validate(self) -> Self:
        """Check the whole graph and report every problem at once.

        Raises:
            GraphError: With all problems: cycles, unknown names, units without a conversion, edges that carry nothing,
                layers that the encoder does not have.
        """
        problems = [] if self.encoder is not None else ["the graph has no encoder: TaskGraph(encoder=...)"]
        if not self.names():
            problems.append("the graph has no task: add one with graph.add(...)")
        problems += [
            f"unknown task {n!r}, upstream of {', '.join(self[n])}: add it, or mend the name in after={{...}}"
            for n in self
            if n not in self.names()
        ]
        problems += [
            f"cycle {' -> '.join([*cycle, cycle[0]])}: take one of its edges out" for cycle in nx.simple_cycles(self)
        ]
        problems += [problem for ends in self.edges for problem in self._misfits(*ends)]
        problems += [problem for name in self.names() for problem in self._layer_problems(name)]
        if problems:
            raise GraphError(problems)
        return self

    def _misfits(self, upstream: str, downstream: str) -> list[str]:
        if not {upstream, downstream} <= set(self.names()):
            return []
        up, down, where = self.task(upstream), self.task(downstream), f"edge {upstream} -> {downstream}"
        edges = self.edges[upstream, downstream]["edges"]
        if not edges:
            return [f"{where} carries nothing: name what flows, such as [Hidden(), Labels()]"]
        return [f"{where}, {edge.describe()}: {problem}" for edge in edges for problem in misfits(edge, up, down)]

    def _layer_problems(self, name: str) -> list[str]:
        layer, depth = self.task(name).layer, getattr(self.encoder, "depth", None)
        asked = layer.layers if isinstance(layer, Mix) else (layer.layer if isinstance(layer, Recurrent) else layer,)
        if depth is None:
            return []
        return [
            f"task {name} reads layer {i}, but the encoder has layers 0 to {depth}"
            for i in asked
            if not 0 <= i <= depth
        ]

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
