"""Which edge fits between which two tasks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from cascade.graph.specs import CONVERSIONS, PARENTS, Edge, Hidden, Layer, Recurrent, Segments, Unit


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
    def proposes(self) -> bool:
        """Whether it makes its output rows itself, out of those that it reads."""

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
    return next(u for u in _ends(downstream) if edge.convert in CONVERSIONS.get((carried, u), ()))


def misfit(edge: Edge, up: Node, down: Node) -> str | None:
    """Why an edge cannot lead from one task to another, and what would fit; None where it can."""
    kind = type(edge)
    if kind not in up.carries:
        return f"{up.name} ({type(up).__name__}) has nothing for it to carry; it can feed {_names(up.carries)}"
    if kind not in down.takes:
        return f"{down.name} ({type(down).__name__}) does not read such an edge; it takes {_names(down.takes)}"
    if edge.brings_states:
        return _inconvertible(edge, carried_unit(edge, up), _ends(down))
    if edge.convert is not None:
        return (
            f"it brings no states, so there is nothing for convert={edge.convert!r} to convert; what fits: no convert="
        )
    ends = (down.unit,) if isinstance(edge, Segments) else tuple(u for end in _ends(down) for u in _lineage(end))
    if up.unit in ends:
        return None
    return f"it divides or prunes {up.unit} rows, but {down.name} decodes {down.unit} rows; what fits: {_or(ends)} rows"


def _inconvertible(edge: Edge, carried: Unit, ends: tuple[Unit, ...]) -> str | None:
    fits: list[str | None] = [None] if carried in ends else []
    fits += [how for end in ends for how in CONVERSIONS.get((carried, end), ())]
    if edge.convert in fits:
        return None
    offer = _or([f"convert={how!r}" for how in dict.fromkeys(fits)]) or "nothing, such an edge cannot be made"
    return f"{carried} rows do not become {_or(ends)} rows with convert={edge.convert!r}; what fits: {offer}"


def _ends(task: Node) -> tuple[Unit, ...]:
    """The units at which an edge can arrive; rows that a task makes itself are not there yet."""
    return (task.reads,) if task.proposes else tuple(dict.fromkeys((task.reads, task.unit)))


def _lineage(unit: Unit) -> tuple[Unit, ...]:
    """The unit, its parents' unit, and so on."""
    return (unit, *_lineage(PARENTS[unit])) if unit in PARENTS else (unit,)


def _names(kinds: Iterable[type[Edge]]) -> str:
    return ", ".join(kind.__name__ for kind in kinds)


def _or(options: Iterable[str]) -> str:
    return " or ".join(options)
