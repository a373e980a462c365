"""Which edge fits between which two tasks."""

from __future__ import annotations

from typing import Protocol

from cascade.graph.specs import CONVERSIONS, Edge, Hidden, Layer, Recurrent, Unit


class Node(Protocol):
    """What the graph has to know of a task."""

    name: str
    layer: Layer

    @property
    def unit(self) -> Unit:
        """The unit of the task's output rows."""

    @property
    def reads(self) -> Unit:
        """The unit of the rows that it reads from the encoder; its pool leads from there to `unit`."""

    @property
    def carries(self) -> tuple[type[Edge], ...]:
        """The kinds of edges that may leave it."""

    @property
    def takes(self) -> tuple[type[Edge], ...]:
        """The kinds of edges that may enter it."""


def hidden_unit(task: Node) -> Unit:
    """The unit of a task's hidden states: of its own recurrent layer where it has one, else of its output."""
    return task.reads if isinstance(task.layer, Recurrent) else task.unit


def carried_unit(edge: Edge, upstream: Node) -> Unit:
    """The unit of what an edge brings from a task."""
    return hidden_unit(upstream) if isinstance(edge, Hidden) else upstream.unit


def arrival_unit(edge: Edge, upstream: Node, downstream: Node) -> Unit:
    """The unit at which an edge arrives: that of the rows that the task reads, or of its output rows after its pool."""
    carried = carried_unit(edge, upstream)
    if edge.convert is None:
        return carried
    return next(u for u in (downstream.reads, downstream.unit) if edge.convert in CONVERSIONS.get((carried, u), ()))


def misfits(edge: Edge, up: Node, down: Node) -> list[str]:
    kind = type(edge)
    if kind not in up.carries:
        names = ", ".join(k.__name__ for k in up.carries)
        return [f"{up.name} ({type(up).__name__}) has nothing for it to carry; it can feed {names}"]
    if kind not in down.takes:
        names = ", ".join(k.__name__ for k in down.takes)
        return [f"{down.name} ({type(down).__name__}) does not read such an edge; it takes {names}"]
    if not edge.brings_states:
        return []
    carried, ends = carried_unit(edge, up), tuple(dict.fromkeys((down.reads, down.unit)))
    fits = [c for end in ends for c in CONVERSIONS.get((carried, end), ())]
    if edge.convert is None and carried in ends:
        return []
    if edge.convert in fits:
        return []
    offer = f"convert= one of {', '.join(dict.fromkeys(fits))}" if fits else "nothing; such an edge cannot be made"
    if carried in ends:
        offer = "convert=None" + (f", or {offer}" if fits else "")
    return [f"{carried} rows do not become {' or '.join(ends)} rows with convert={edge.convert!r}; what fits: {offer}"]
