"""One node of the graph as a module: it reads the encoder and its edges, and decodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cascade.graph import Edge, Hidden, Labels, Layer, Mix, Recurrent, Segments, Unit
from cascade.nn.conversions import Compare, conversion
from cascade.nn.decoders.base import Decoder, Output
from cascade.nn.edges import Distributions, LabelEmbedding, Mixture
from cascade.nn.encoders.base import State
from cascade.nn.layout import Layout
from cascade.nn.lstm import BiLSTM
from cascade.nn.rows import Rows


@dataclass(frozen=True)
class Link:
    """One edge into a node.

    Args:
        upstream: Name of the upstream task.
        edge: Its specification.
        width: Width of the upstream hidden states.
        classes: Number of upstream labels.
        carried: Unit of what it brings.
        arrives: Unit at which that arrives.
    """

    upstream: str
    edge: Edge
    width: int
    classes: int
    carried: Unit
    arrives: Unit


@dataclass(frozen=True)
class Upstream:
    """What a node may read of another.

    Args:
        output: What it has computed.
        labels: Its distributions, made when an edge asks for them.
        starts: Starts of its segments: predicted, or gold where known. Argument: the edge's source. Shape: [rows], bool.
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
        self.link, self.group = link, getattr(edge, "group", None)
        self.embedding = LabelEmbedding(edge, link.classes) if isinstance(edge, Labels) else None
        self.dropout = nn.Dropout(getattr(edge, "dropout", 0.0))
        width = self.embedding.width if self.embedding is not None else link.width
        convert = edge.convert is not None
        self.convert = conversion(link.carried, link.arrives, str(edge.convert), width) if convert else None
        self.width: int = self.convert.width if self.convert is not None else width  # type: ignore[assignment]

    def forward(self, upstream: Upstream, layout: Layout, epoch: int) -> Tensor:
        """What arrives. Shape: [rows of the arrival unit, width]."""
        edge = self.link.edge
        if self.embedding is not None:
            states = self.embedding(upstream.labels(), epoch)
        else:
            hidden = upstream.output.hidden
            states = hidden.detach() if isinstance(edge, Hidden) and edge.detach else hidden
        states = self.dropout(states)
        return states if self.convert is None else self.convert(states, layout)


class Reading(nn.Module):
    """How a node reads the encoder: one layer, or a learned mix.

    Args:
        layer: The task's `layer`.
        widths: Width of each encoder layer.
    """

    def __init__(self, layer: Layer, widths: tuple[int, ...]) -> None:
        super().__init__()
        mixed = isinstance(layer, Mix)
        first = layer.layer if isinstance(layer, Recurrent) else layer
        chosen = layer.layers or range(len(widths)) if isinstance(layer, Mix) else (first,)
        self.layers: tuple[int, ...] = tuple(int(i) for i in chosen)  # type: ignore[call-overload]
        self.width, self.highest = widths[self.layers[0]], max(self.layers)
        self.mixture = Mixture(len(self.layers)) if mixed else None

    def forward(self, state: State) -> Tensor:
        """Read. Shape: [tokens, width]."""
        if self.mixture is None:
            return state.read(self.layers[0])
        mixed: Tensor = self.mixture([state.read(i) for i in self.layers])
        return mixed


class NodeModule(nn.Module):
    """A node: encoder reading, edges, the task's own recurrent layer and pool, and its decoder.

    Args:
        layer: The task's `layer`.
        links: Edges into the task.
        widths: Width of each encoder layer.
        reads: Unit of the rows that the task reads.
        unit: Unit of its output rows.
        pool: How it gets from `reads` to `unit`.
        compare: How pairs are compared by its pool.
        build: Makes the decoder for a width.
    """

    def __init__(
        self,
        layer: Layer,
        links: list[Link],
        widths: tuple[int, ...],
        *,
        reads: Unit,
        unit: Unit,
        pool: str,
        compare: Compare,
        build: Callable[[int], Decoder],
    ) -> None:
        super().__init__()
        carried = [link for link in links if link.edge.brings_states]
        early = [link for link in carried if link.arrives == reads]
        late = [link for link in carried if link.arrives != reads]
        self.controls = [link for link in links if not link.edge.brings_states]
        self.reads, self.unit = reads, unit
        skip = isinstance(layer, Recurrent) and not layer.shortcut and bool(early)
        self.reading = None if skip else Reading(layer, widths)
        self.early = nn.ModuleList(Carrier(link) for link in early)
        self.late = nn.ModuleList(Carrier(link) for link in late)
        width = (0 if self.reading is None else self.reading.width) + _width(self.early)
        self.shortcut_dropout = nn.Dropout(layer.dropout if isinstance(layer, Recurrent) else 0.0)
        self.recurrent: BiLSTM | None = None
        if isinstance(layer, Recurrent):
            self.recurrent = BiLSTM(width, layer.width, depth=layer.depth, dropout=layer.dropout)
            width = self.recurrent.width
        self.pool = conversion(reads, unit, pool, width, compare) if reads != unit else None
        width = self.pool.width if self.pool is not None else width  # type: ignore[assignment]
        self.decoder = build(width + _width(self.late))
        self.hidden_width = self.recurrent.width if self.recurrent is not None else self.decoder.hidden_width

    @property
    def incoming(self) -> int:
        """Width of what encoder and edges bring, before pool and recurrent layer."""
        return (0 if self.reading is None else self.reading.width) + _width(self.early) + _width(self.late)

    @property
    def highest(self) -> int:
        """The highest encoder layer that it needs."""
        return 0 if self.reading is None else self.reading.highest

    def forward(self, state: State, upstream: Mapping[str, Upstream], layout: Layout, epoch: int) -> Output:
        """Decode a batch.

        Args:
            state: The encoder, advanced to `highest` at least.
            upstream: Upstream nodes by name.
            layout: The rows of the batch, those alive marked.
            epoch: Epoch of training, from 0.
        """
        rows = self._segmented(layout.rows[self.unit], upstream)
        parts = [] if self.reading is None else [self.shortcut_dropout(self.reading(state))]
        states = torch.cat([*parts, *_joined(self.early, upstream, layout, epoch)], dim=-1)
        recurrent = None
        if self.recurrent is not None:
            inside = rows if self.reads == self.unit else layout.rows[self.reads]
            states = recurrent = self.recurrent(states, inside)
        states = states if self.pool is None else self.pool(states, layout)
        states = torch.cat([states, *_joined(self.late, upstream, layout, epoch)], dim=-1)
        scores = self.decoder(states, rows)
        hidden = recurrent if recurrent is not None else scores["hidden"]
        return Output(
            rows=rows, hidden=hidden, scores=scores, decoder=self.decoder, candidates=layout.scores(self.unit)
        )

    def _segmented(self, rows: Rows, upstream: Mapping[str, Upstream]) -> Rows:
        for link in self.controls:
            if isinstance(link.edge, Segments):
                source = link.edge.source if self.training else link.edge.predict
                rows = rows.regroup(upstream[link.upstream].starts(source))
        return rows


def _width(carriers: nn.ModuleList) -> int:
    alone = sum(c.width for c in carriers if c.group is None)
    return alone + sum({c.group: c.width for c in carriers if c.group is not None}.values())


def _joined(carriers: nn.ModuleList, upstream: Mapping[str, Upstream], layout: Layout, epoch: int) -> list[Tensor]:
    """What all edges bring: concatenated, except that edges of one group are added."""
    joined: dict[object, Tensor] = {}
    for carrier in carriers:
        key = carrier if carrier.group is None else carrier.group
        states = carrier(upstream[carrier.link.upstream], layout, epoch)
        joined[key] = joined[key] + states if key in joined else states
    return list(joined.values())
