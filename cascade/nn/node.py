"""One node of the graph as a module: it reads the encoder and its edges, and decodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cascade.errors import GraphError
from cascade.graph import Edge, Hidden, Labels, Layer, Mix, Recurrent, Segments, Tower, Unit, layers_read
from cascade.nn.conversions import Compare, conversion
from cascade.nn.decoders.base import Decoder, Output
from cascade.nn.edges import Distributions, LabelEmbedding, LayerStitch, Mixture
from cascade.nn.layout import Layout
from cascade.nn.lstm import BiLSTM
from cascade.nn.rows import Rows

Read = Callable[[int], Tensor]
"""Gives the states of an encoder layer by its number. Shape of these: [tokens, width]."""


@dataclass(frozen=True)
class Link:
    """One edge into a node.

    Args:
        upstream: Name of the upstream task.
        edge: Its specification.
        width: Width of the upstream hidden states.
        classes: Number of upstream labels.
        arrives: Unit of the rows at which it arrives.
    """

    upstream: str
    edge: Edge
    width: int
    classes: int
    arrives: Unit


@dataclass(frozen=True)
class Upstream:
    """What a node may read of another.

    Args:
        output: What it has computed.
        labels: Its distributions, made when an edge asks for them.
        starts: Starts of its segments, predicted or gold where known, by the edge's source. Shape: [rows], bool.
    """

    output: Output
    labels: Callable[[], Distributions]
    starts: Callable[[str], Tensor]


class Carrier(nn.Module):
    """A `Hidden` or `Labels` edge into a node.

    Args:
        link: The edge and its ends.
    """

    def __init__(self, link: Link) -> None:
        super().__init__()
        edge = link.edge
        self.link = link
        self.group: str | None = getattr(edge, "group", None)
        self.embedding = LabelEmbedding(edge, link.classes) if isinstance(edge, Labels) else None
        self.dropout = nn.Dropout(getattr(edge, "dropout", 0.0))
        width = link.width if self.embedding is None else self.embedding.width
        self.convert = None if edge.convert is None else conversion(link.arrives, edge.convert, width)
        self.width = width if self.convert is None else self.convert.width

    def forward(self, upstream: Upstream, layout: Layout, epoch: int) -> Tensor:
        """What arrives. Shape: [rows of the arrival unit, width]."""
        edge = self.link.edge
        if self.embedding is not None:
            states = self.embedding(upstream.labels(), epoch)
        else:
            hidden = upstream.output.hidden
            states = hidden.detach() if isinstance(edge, Hidden) and edge.detach else hidden
        states = self.dropout(states)
        carried: Tensor = states if self.convert is None else self.convert(states, layout)
        return carried


class Arrivals(nn.ModuleList):
    """All edges that arrive at rows of one unit: concatenated, except that edges of one group are added.

    Args:
        links: The edges.
    """

    def __init__(self, links: Iterable[Link]) -> None:
        super().__init__(Carrier(link) for link in links)
        self.width = sum({self._slot(carrier): carrier.width for carrier in self.carriers}.values())

    @property
    def carriers(self) -> list[Carrier]:
        """The edges as modules."""
        return [module for module in self if isinstance(module, Carrier)]

    def forward(self, upstream: Mapping[str, Upstream], layout: Layout, epoch: int) -> list[Tensor]:
        """What they bring. Shape of each: [rows, width of the edge or group]."""
        slots: dict[object, Tensor] = {}
        for carrier in self.carriers:
            states, slot = carrier(upstream[carrier.link.upstream], layout, epoch), self._slot(carrier)
            slots[slot] = slots[slot] + states if slot in slots else states
        return list(slots.values())

    @staticmethod
    def _slot(carrier: Carrier) -> object:
        return carrier if carrier.group is None else carrier.group


class Reading(nn.Module):
    """How a node reads the encoder: one layer, a learned mix, or one tower of its layers.

    Args:
        layer: The task's `layer`.
        widths: Width of each encoder layer.
        towers: Towers that layers from 1 on hold side by side.
    """

    def __init__(self, layer: Layer, widths: Sequence[int], towers: Sequence[str] = ()) -> None:
        super().__init__()
        self.layers = layers_read(layer, len(widths) - 1)
        self.mixture: nn.Module | None = Mixture(len(self.layers)) if isinstance(layer, Mix) else None
        self.width, self.highest = widths[self.layers[0]], max(self.layers)
        self.begin: int | None = None
        if isinstance(layer, Tower):
            self.width //= len(towers)
            self.begin = self.width * towers.index(layer.tower)
            self.mixture = LayerStitch(len(self.layers), balanced=layer.balanced) if len(self.layers) > 1 else None

    def forward(self, read: Read) -> Tensor:
        """Read. Shape: [tokens, width]."""
        states = [self._part(read(i)) for i in self.layers]
        if self.mixture is None:
            return states[0]
        mixed: Tensor = self.mixture(states)
        return mixed

    def _part(self, states: Tensor) -> Tensor:
        return states if self.begin is None else states.narrow(1, self.begin, self.width)


class NodeModule(nn.Module):
    """A node: encoder reading, edges, the task's own recurrent layer and pool, and its decoder.

    Args:
        layer: The task's `layer`.
        links: Edges into the task.
        widths: Width of each encoder layer.
        towers: Towers that the encoder's layers from 1 on hold side by side.
        reads: Unit of the rows that the task reads.
        unit: Unit of its output rows.
        pool: How it gets from `reads` to `unit`.
        compare: How pairs are compared by its pool.
        proposes: Whether its decoder makes the output rows, spans of the rows that it reads.
        build: Makes the decoder for a width.

    Raises:
        GraphError: Widths do not fit.
    """

    def __init__(
        self,
        layer: Layer,
        links: Sequence[Link],
        widths: Sequence[int],
        *,
        towers: Sequence[str] = (),
        reads: Unit,
        unit: Unit,
        pool: str,
        compare: Compare,
        proposes: bool,
        build: Callable[[int], Decoder],
    ) -> None:
        super().__init__()
        carried = [link for link in links if link.edge.brings_states]
        self.reads, self.unit, self.proposes = reads, unit, proposes
        self.segments = [(link.upstream, link.edge) for link in links if isinstance(link.edge, Segments)]
        self.early = Arrivals(link for link in carried if link.arrives == reads)
        self.late = Arrivals(link for link in carried if link.arrives != reads)
        problems = [*_group_problems([*self.early.carriers, *self.late.carriers]), *_layer_problems(layer, widths)]
        if problems:
            raise GraphError(problems)
        skip = isinstance(layer, Recurrent) and not layer.shortcut and len(self.early) > 0
        self.reading = None if skip else Reading(layer, widths, towers)
        width = (0 if self.reading is None else self.reading.width) + self.early.width
        self.shortcut_dropout = nn.Dropout(layer.dropout if isinstance(layer, Recurrent) else 0.0)
        self.recurrent: BiLSTM | None = None
        if isinstance(layer, Recurrent):
            self.recurrent = BiLSTM(width, layer.width, depth=layer.depth, dropout=layer.dropout)
            width = self.recurrent.width
        self.pool = conversion(unit, pool, width, compare) if reads != unit and not proposes else None
        width = width if self.pool is None else self.pool.width
        self.decoder = build(width + self.late.width)
        self.hidden_width = self.decoder.hidden_width if self.recurrent is None else self.recurrent.width

    @property
    def highest(self) -> int:
        """The highest encoder layer that it needs."""
        return 0 if self.reading is None else self.reading.highest

    def forward(self, read: Read, upstream: Mapping[str, Upstream], layout: Layout, epoch: int) -> Output:
        """Decode a batch.

        Args:
            read: Gives the states of an encoder layer, up to `highest` at least.
            upstream: Upstream nodes by name.
            layout: The rows of the batch, those alive marked.
            epoch: Epoch of training, from 0.
        """
        rows = self._segmented(layout.rows[self.reads if self.proposes else self.unit], upstream)
        parts = [] if self.reading is None else [self.shortcut_dropout(self.reading(read))]
        states = torch.cat([*parts, *self.early(upstream, layout, epoch)], dim=-1)
        recurrent = None
        if self.recurrent is not None:
            states = recurrent = self.recurrent(states, rows if self.reads == self.unit else layout.rows[self.reads])
        states = states if self.pool is None else self.pool(states, layout)
        states = torch.cat([states, *self.late(upstream, layout, epoch)], dim=-1)
        self.decoder.epoch = epoch
        scores = self.decoder(states, rows, *([layout.spans] if self.proposes else []))
        if self.proposes:
            layout = layout.propose(scores["spans"])
            rows = layout.rows[self.unit]
        return Output(
            rows=rows,
            hidden=scores["hidden"] if recurrent is None else recurrent,
            scores=scores,
            decoder=self.decoder,
            candidates=layout.scores(self.unit),
            layout=layout,
        )

    def _segmented(self, rows: Rows, upstream: Mapping[str, Upstream]) -> Rows:
        for name, edge in self.segments:
            rows = rows.regroup(upstream[name].starts(edge.source if self.training else edge.predict))
        return rows


def _group_problems(carriers: Iterable[Carrier]) -> list[str]:
    """Edges of one group are added, so they have one width and arrive at one unit."""
    groups: dict[str, list[Carrier]] = {}
    for carrier in carriers:
        if carrier.group is not None:
            groups.setdefault(carrier.group, []).append(carrier)
    return [
        f"the edges of group {group!r} are added, so they need one width and one unit, got "
        + ", ".join(f"{c.width} per {c.link.arrives} from {c.link.upstream}" for c in members)
        + ": set the width= of its Labels alike, or take one edge out of the group"
        for group, members in groups.items()
        if len({(c.width, c.link.arrives) for c in members}) > 1
    ]


def _layer_problems(layer: Layer, widths: Sequence[int]) -> list[str]:
    """Layers that are read are there, and those that a `Mix` adds have one width."""
    layers = layers_read(layer, len(widths) - 1)
    beyond = [f"layer {i}" for i in layers if not 0 <= i < len(widths)]
    if beyond:
        return [f"it reads {', '.join(beyond)}, but the encoder has layers 0 to {len(widths) - 1}"]
    if len({widths[i] for i in layers}) == 1:
        return []
    found = ", ".join(f"layer {i}: {widths[i]}" for i in layers)
    return [f"a Mix adds layers, so they need one width, got {found}: name layers of one width in Mix(layers=...)"]
