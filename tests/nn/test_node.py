from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from cascade.errors import GraphError
from cascade.graph import Edge, Hidden, Labels, Layer, Mix, Recurrent, Segments, Unit
from cascade.nn.conversions import Pool
from cascade.nn.decoders.base import Decoder, Output
from cascade.nn.edges import Distributions, LabelEmbedding
from cascade.nn.layout import Layout
from cascade.nn.lstm import BiLSTM
from cascade.nn.node import Carrier, Link, NodeModule, Upstream
from cascade.nn.rows import Rows

LENGTHS = [3, 0, 2]
TOKENS, TEXTS = sum(LENGTHS), len(LENGTHS)
LAYERS = [torch.full((TOKENS, 4), float(i)) + torch.arange(4) / 10 for i in range(3)]


class Echo(Decoder):
    """Hands on what it gets."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden_width = width

    def forward(self, states: Tensor, rows: Rows) -> dict[str, Tensor]:
        return {"hidden": states, "lengths": rows.lengths}


def rows_of(lengths: list[int]) -> Rows:
    parent = torch.tensor([i for i, n in enumerate(lengths) for _ in range(n)], dtype=torch.long)
    return Rows(parent=parent, alive=torch.ones(len(parent), dtype=torch.bool), size=len(lengths))


def plain_layout() -> Layout:
    none = torch.zeros(0, 2, dtype=torch.long)
    units: dict[Unit, Rows] = {"token": rows_of(LENGTHS), "text": rows_of([1, 2]), "span": rows_of([0] * TEXTS)}
    return Layout(units, none, none)


@pytest.fixture
def layout() -> Layout:
    return plain_layout()


def upstream(hidden: Tensor, soft: Tensor | None = None, **starts: Tensor) -> Upstream:
    output = Output(
        rows=rows_of(LENGTHS),
        hidden=hidden,
        scores={},
        decoder=Echo(1),
        candidates=torch.zeros(0),
        layout=plain_layout(),
    )
    labels = Distributions(torch.zeros(0, 0) if soft is None else soft)
    return Upstream(output, lambda: labels, starts.__getitem__)


def link(up: str, edge: Edge, *, width: int = 4, classes: int = 2, arrives: Unit = "token") -> Link:
    return Link(upstream=up, edge=edge, width=width, classes=classes, arrives=arrives)


def node(*links: Link, layer: Layer = 1, unit: Unit = "token") -> NodeModule:
    return NodeModule(
        layer,
        links,
        (4, 4, 4),
        reads="token",
        unit=unit,
        pool="mean",
        compare="signed",
        proposes=False,
        build=Echo,
    )


def run(module: NodeModule, layout: Layout, up: Mapping[str, Upstream] | None = None) -> Output:
    output: Output = module(LAYERS.__getitem__, up or {}, layout, 0)
    return output


def embedding(carrier: Carrier) -> LabelEmbedding:
    assert carrier.embedding is not None
    return carrier.embedding


def test_a_task_without_edges_decodes_its_layer(layout: Layout) -> None:
    module = node(layer=2)
    assert module.highest == 2
    assert torch.equal(run(module, layout).hidden, LAYERS[2])


@pytest.mark.parametrize(("mix", "chosen"), [(Mix(), [0, 1, 2]), (Mix(layers=(0, 2)), [0, 2])])
def test_a_mix_begins_as_the_mean(mix: Mix, chosen: list[int], layout: Layout) -> None:
    module = node(layer=mix)
    assert module.highest == 2
    torch.testing.assert_close(run(module, layout).hidden, sum(LAYERS[i] for i in chosen) / len(chosen))


def test_edges_are_concatenated_and_groups_are_added(layout: Layout) -> None:
    p, q = torch.rand(TOKENS, 2), torch.rand(TOKENS, 3)
    hidden = torch.randn(TOKENS, 4)
    module = node(
        link("a", Labels(width=5, group="y")),
        link("a", Hidden()),
        link("b", Labels(width=5, group="y"), classes=3),
        link("b", Labels(width=6), classes=3),
    )
    first, second, third, fourth = module.early.carriers
    expected = [
        LAYERS[1],
        p @ embedding(first).embeddings + q @ embedding(third).embeddings,
        hidden,
        q @ embedding(fourth).embeddings,
    ]
    assert second.width == 4
    found = run(module, layout, {"a": upstream(hidden, p), "b": upstream(torch.zeros(TOKENS, 4), q)})
    torch.testing.assert_close(found.hidden, torch.cat(expected, dim=1))
    assert module.hidden_width == found.hidden.shape[1] == 4 + 5 + 4 + 6


def test_the_shortcut_is_the_encoder_beside_the_edges(layout: Layout) -> None:
    up = {"a": upstream(torch.randn(TOKENS, 7))}
    with_shortcut = node(link("a", Hidden(), width=7), layer=Recurrent(3, layer=2))
    without = node(link("a", Hidden(), width=7), layer=Recurrent(3, layer=2, shortcut=False))
    for module, inputs, highest in (
        (with_shortcut, torch.cat([LAYERS[2], up["a"].output.hidden], dim=1), 2),
        (without, up["a"].output.hidden, 0),
    ):
        assert module.highest == highest
        assert isinstance(module.recurrent, BiLSTM)
        output = run(module, layout, up)
        assert torch.equal(output.hidden, module.recurrent(inputs, layout.rows["token"]))
        assert output.hidden.shape == (TOKENS, module.hidden_width) == (TOKENS, 6)


def test_a_task_without_edges_reads_the_encoder_whatever_its_shortcut(layout: Layout) -> None:
    module = node(layer=Recurrent(3, layer=2, shortcut=False))
    assert module.highest == 2
    assert module.recurrent is not None
    assert torch.equal(run(module, layout).hidden, module.recurrent(LAYERS[2], layout.rows["token"]))


def test_edges_arrive_before_or_after_the_pool(layout: Layout) -> None:
    tokens, texts = torch.randn(TOKENS, 4), torch.randn(TEXTS, 4)
    module = node(link("a", Hidden()), link("b", Hidden(), arrives="text"), unit="text")
    output = run(module, layout, {"a": upstream(tokens), "b": upstream(texts)})
    pooled = Pool("mean", 8)(torch.cat([LAYERS[1], tokens], dim=1), layout)
    assert torch.equal(output.scores["hidden"], torch.cat([pooled, texts], dim=1))


def test_a_converted_edge_is_what_its_conversion_makes_of_it(layout: Layout) -> None:
    tokens = torch.randn(TOKENS, 4)
    module = node(link("a", Hidden(convert="max"), arrives="text"), unit="text")
    output = run(module, layout, {"a": upstream(tokens)})
    assert torch.equal(output.scores["hidden"][:, 4:], Pool("max", 4)(tokens, layout))


def test_hidden_states_are_those_of_the_recurrent_layer_even_if_rows_are_pooled(layout: Layout) -> None:
    module = node(layer=Recurrent(3), unit="text")
    output = run(module, layout)
    assert output.hidden.shape == (TOKENS, module.hidden_width)
    assert output.scores["hidden"].shape == (TEXTS, 6)


def test_a_detached_edge_carries_no_gradient(layout: Layout) -> None:
    for detach in (False, True):
        hidden = torch.randn(TOKENS, 4, requires_grad=True)
        output = run(node(link("a", Hidden(detach=detach))), layout, {"a": upstream(hidden)})
        assert output.hidden.requires_grad is not detach


@pytest.mark.parametrize("training", [True, False])
def test_segments_divide_what_is_decoded_and_the_recurrent_layer(training: bool, layout: Layout) -> None:
    gold, found = torch.tensor([0, 0, 1, 0, 0]).bool(), torch.tensor([0, 1, 0, 0, 1]).bool()
    module = node(link("s", Segments()), layer=Recurrent(3)).train(training)
    output = run(module, layout, {"s": upstream(torch.zeros(0), gold=gold, hard=found)})
    lengths = [2, 1, 2] if training else [1, 2, 1, 1]
    assert output.rows.lengths.tolist() == output.scores["lengths"].tolist() == lengths
    assert module.recurrent is not None
    assert torch.equal(output.hidden, module.recurrent(LAYERS[0], rows_of(lengths)))


def test_dropout_of_edges_and_shortcut_falls_in_training_only(layout: Layout) -> None:
    up = {"a": upstream(torch.ones(TOKENS, 4), torch.full((TOKENS, 2), 0.5))}
    links = [link("a", Hidden(dropout=0.99)), link("a", Labels(dropout=0.99))]
    module = node(*links, layer=Recurrent(3, layer=1, dropout=0.99))
    seen: list[Tensor] = []
    assert module.recurrent is not None
    module.recurrent.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    run(module.train(), layout, up)
    run(module.eval(), layout, up)
    for part in (slice(0, 4), slice(4, 8), slice(8, 108)):
        assert (seen[0][:, part] == 0).float().mean() > 0.8
        assert (seen[1][:, part] != 0).all()


@pytest.mark.parametrize(
    ("links", "layer", "widths", "named"),
    [
        ([("a", Labels(width=5, group="y")), ("b", Hidden(group="y"))], 0, (4, 4), "5 per token from a, 4 per token"),
        ([("a", Labels(group="y")), ("b", Labels(group="y", convert="max"))], 0, (4, 4), "100 per text from b"),
        ([], Mix(), (4, 8), "layer 0: 4, layer 1: 8"),
        ([], Mix(layers=(0, 2)), (4, 4), "reads layer 2, but the encoder has layers 0 to 1"),
        ([], 5, (4, 4), "reads layer 5, but the encoder has layers 0 to 1"),
    ],
)
def test_widths_that_do_not_fit(links: list[Any], layer: Layer, widths: tuple[int, ...], named: str) -> None:
    made = [link(up, edge, arrives="text" if edge.convert else "token") for up, edge in links]
    with pytest.raises(GraphError, match=named):
        NodeModule(
            layer,
            made,
            widths,
            reads="token",
            unit="text",
            pool="max",
            compare="signed",
            proposes=False,
            build=Echo,
        )
