"""Edges watched, perturbed and cut while a model runs, each by itself; the model is left as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.hooks import RemovableHandle

from cascade.graph import Candidates, Edge, Hidden, Labels, Scheduled, Segments
from cascade.model import CascadeModel
from cascade.nn.layout import Layout
from cascade.nn.node import Carrier, Upstream

FLIPPED = 0.2
"""Share of the rows at which a perturbed `Segments` edge has a boundary more or less."""

GRADIENT = ("soft", "straight_through")
"""Sources of labels that let gradient through."""


@dataclass(frozen=True)
class Place:
    """Where an edge stands in a graph.

    Args:
        upstream: Name of the upstream task.
        downstream: Name of the downstream task.
        number: Its number among the edges between the two, from 0.
        edge: The edge.
    """

    upstream: str
    downstream: str
    number: int
    edge: Edge

    @property
    def differentiable(self) -> bool:
        """Whether its states are to carry gradient at the end of training."""
        edge = self.edge
        if isinstance(edge, Labels):
            source = edge.source.then if isinstance(edge.source, Scheduled) else edge.source
            return source in GRADIENT and not edge.detach
        return isinstance(edge, Hidden) and not edge.detach


def places(model: CascadeModel, downstream: str) -> list[Place]:
    """All edges into a task."""
    into = model.graph.edges_into(downstream)
    return [Place(up, downstream, i, edge) for up, bundle in into.items() for i, edge in enumerate(bundle)]


@contextmanager
def watched(model: CascadeModel, found: Sequence[Place]) -> Iterator[dict[Place, Tensor]]:
    """What edges into one task bring, as tensors of their own, so that a gradient by them is the edge's alone.

    Yields:
        By edge, once the model has run: states, or the scores of candidates. Edges that bring neither are absent.
    """
    seen: dict[Place, Tensor] = {}

    def brought(place: Place) -> Callable[..., Tensor]:
        def note(_: Any, __: Any, states: Tensor) -> Tensor:
            seen[place] = states.clone()
            return seen[place]

        return note

    def scored(place: Place) -> Callable[..., Any]:
        def note(_: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
            read, upstream, layout, epoch = arguments
            unit, scores = layout.added[place.upstream]
            seen[place] = scores.clone()
            added = {**layout.added, place.upstream: (unit, seen[place])}
            return read, upstream, replace(layout, added=added), epoch

        return note

    with ExitStack() as stack:
        for place in found:
            if place.edge.brings_states:
                stack.enter_context(_hook(_carrier(model, place).register_forward_hook(brought(place))))
            elif isinstance(place.edge, Candidates):
                stack.enter_context(_hook(model.node(place.downstream).register_forward_pre_hook(scored(place))))
        yield seen


def perturbed(model: CascadeModel, place: Place, seed: int) -> AbstractContextManager[None]:
    """Noise where an edge reads its upstream task.

    Hidden states and scores of candidates get normal noise of their own deviation; labels become random ones, and at a
    fifth of the rows a boundary of segments is put in or taken out.

    Args:
        model: The model.
        place: The edge.
        seed: Of the noise.
    """
    if isinstance(place.edge, Candidates):
        return _noisy_candidates(model, place, seed)
    if isinstance(place.edge, Segments):
        return _with_starts(model, place, lambda starts: starts ^ (_random(starts.shape, seed, starts) < FLIPPED))

    def change(upstream: Upstream, layout: Layout) -> Upstream:
        output = upstream.output
        hidden = replace(output, hidden=output.hidden + _noise(output.hidden, seed))

        def labels() -> Any:
            found = upstream.labels()
            rows, classes = found.soft.shape
            drawn = (_random((rows,), seed, found.soft) * classes).long()
            random = functional.one_hot(drawn, classes).to(found.soft.dtype)
            return replace(found, soft=random, gold=None if found.gold is None else random)

        return replace(upstream, output=hidden, labels=labels)

    def enter(_: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        upstream, layout, epoch = arguments
        return change(upstream, layout), layout, epoch

    return _hook(_carrier(model, place).register_forward_pre_hook(enter))


def ablated(model: CascadeModel, place: Place) -> AbstractContextManager[None]:
    """An edge that brings nothing: zeros as states, no boundary, no row pruned and no score added.

    Args:
        model: The model.
        place: The edge.
    """
    if isinstance(place.edge, Candidates):
        return _without(model, place)
    if isinstance(place.edge, Segments):
        return _with_starts(model, place, torch.zeros_like)
    return _hook(_carrier(model, place).register_forward_hook(lambda _, __, states: torch.zeros_like(states)))


@contextmanager
def _hook(handle: RemovableHandle) -> Iterator[None]:
    try:
        yield
    finally:
        handle.remove()


def _carrier(model: CascadeModel, place: Place) -> Carrier:
    """The module of an edge; a bundle may hold one and the same edge twice."""
    node = model.node(place.downstream)
    bundle = model.graph.edges_into(place.downstream)[place.upstream]
    carriers = [
        carrier
        for carrier in (*node.early.carriers, *node.late.carriers)
        if carrier.link.upstream == place.upstream and carrier.link.edge is place.edge
    ]
    return carriers[sum(edge is place.edge for edge in bundle[: place.number])]


def _with_starts(model: CascadeModel, place: Place, change: Callable[[Tensor], Tensor]) -> AbstractContextManager[None]:
    """Other boundaries for the segments of a node."""

    def enter(_: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        read, upstream, layout, epoch = arguments
        own: Upstream = upstream[place.upstream]
        changed = replace(own, starts=lambda source: change(own.starts(source)))
        return read, {**upstream, place.upstream: changed}, layout, epoch

    return _hook(model.node(place.downstream).register_forward_pre_hook(enter))


@contextmanager
def _without(model: CascadeModel, place: Place) -> Iterator[None]:
    """The graph without an edge."""
    data = model.graph.edges[place.upstream, place.downstream]
    bundle = data["edges"]
    data["edges"] = tuple(edge for i, edge in enumerate(bundle) if i != place.number)
    try:
        yield
    finally:
        data["edges"] = bundle


@contextmanager
def _noisy_candidates(model: CascadeModel, place: Place, seed: int) -> Iterator[None]:
    """Other scores of the upstream task, once every node before the downstream one has run: it alone reads them then.

    The downstream task has to be the only one asked for, so that it runs last.
    """
    task = model.task(place.upstream)
    plain = task.keep

    def keep(output: Any) -> Tensor:
        scores = plain(output)
        return scores + _noise(scores, seed, least=1.0)

    def start(*_: Any) -> None:
        vars(task)["keep"] = keep

    def stop(*_: Any) -> None:
        vars(task).pop("keep", None)

    *_, last, _ = model.graph.closure([place.downstream]).order()
    before = model.node(last).register_forward_hook(start)
    after = model.node(place.downstream).register_forward_pre_hook(stop)
    with _hook(before), _hook(after):
        try:
            yield
        finally:
            stop()


def _random(shape: Sequence[int], seed: int, like: Tensor) -> Tensor:
    """Numbers from 0 to 1, on the device of `like`."""
    return torch.rand(tuple(shape), generator=torch.Generator().manual_seed(seed)).to(like.device)


def _noise(values: Tensor, seed: int, *, least: float = 0.0) -> Tensor:
    """Normal noise as wide as the values; `least` wide where all are equal."""
    drawn = torch.randn(values.shape, generator=torch.Generator().manual_seed(seed)).to(values)
    width = float(values.detach().float().std(correction=0)) if values.numel() else 0.0
    return drawn * (width or least)
