from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from spacy.tokens import Doc
from torch import Tensor

from cascade.errors import GraphError
from cascade.graph import TaskGraph, Tower
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding, Sluice
from cascade.nn.encoders.sluice import Exchange, SluiceEncoder
from cascade.nn.rows import Rows
from cascade.tasks import Chunking, Tagging

ROWS = Rows(parent=torch.tensor([0, 0, 0, 2, 2]), alive=torch.ones(5, dtype=torch.bool), size=3)
TEXTS = [["a", "b", "c"], [], ["d", "a"]]
EMBEDDING = Embedding(words=4, characters=3, vocabulary=50, buckets=20, alpha=0.0)
NAMES = ("pos", "chunk", "ner")


def spec(**settings: Any) -> Sluice:
    return Sluice(**{"towers": NAMES, "embedding": EMBEDDING, "width": 4, "depth": 2, "dropout": 0.0, **settings})


def run(encoder: SluiceEncoder, layer: int = 2) -> list[Tensor]:
    state = encoder.advance(encoder.embed(encoder.features(TEXTS), ROWS), layer)
    return [state.read(i).detach() for i in range(layer + 1)]


def own(encoder: SluiceEncoder, tower: str, number: int, inputs: Tensor) -> Tensor:
    return encoder.lstms[tower][number](inputs, ROWS).detach()  # type: ignore[index,no-any-return]


def test_widths_and_names_of_the_parameters() -> None:
    encoder = spec().build()
    assert encoder.widths == (7, 24, 24) and encoder.towers == NAMES
    assert "lstms.chunk.1.back.0.weight_hh_l0" in dict(encoder.named_parameters())
    assert [e.alpha.shape for e in encoder.exchanges if isinstance(e, Exchange)] == [(6, 6), (6, 6)]


def test_with_the_identity_the_towers_are_independent() -> None:
    encoder = spec().build().eval()
    for exchange in encoder.exchanges:
        torch.nn.init.eye_(exchange.alpha)  # type: ignore[arg-type]
    words, first, second = run(encoder)
    for i, tower in enumerate(NAMES):
        alone = own(encoder, tower, 0, words)
        torch.testing.assert_close(first[:, 8 * i : 8 * i + 8], alone)
        torch.testing.assert_close(second[:, 8 * i : 8 * i + 8], own(encoder, tower, 1, alone))


@pytest.mark.parametrize("subspaces", [1, 2, 4])
def test_the_exchange_by_loops(subspaces: int) -> None:
    encoder = spec(subspaces=subspaces).build().eval()
    for exchange in encoder.exchanges:
        torch.nn.init.normal_(exchange.alpha)  # type: ignore[arg-type]
    states, *layers = run(encoder)
    part = 4 // subspaces
    for number, layer in enumerate(layers):
        inputs = [states] * 3 if number == 0 else [states[:, 8 * i : 8 * i + 8] for i in range(3)]
        made = [own(encoder, tower, number, x).numpy() for tower, x in zip(NAMES, inputs, strict=True)]
        alpha = encoder.exchanges[number].alpha.detach().numpy()  # type: ignore[operator,union-attr]
        expected = np.zeros((5, 24), dtype=np.float32)
        for direction in range(2):
            for t in range(3):
                for g in range(subspaces):
                    to = 8 * t + 4 * direction + part * g
                    for u in range(3):
                        for f in range(subspaces):
                            source = 4 * direction + part * f
                            weight = alpha[subspaces * t + g, subspaces * u + f]
                            expected[:, to : to + part] += weight * made[u][:, source : source + part]
        torch.testing.assert_close(layer, torch.from_numpy(expected))
        states = layer


def test_balanced_and_imbalanced_beginnings() -> None:
    assert torch.equal(Exchange(3, 2, balanced=True).alpha, torch.full((6, 6), 1 / 6))
    cross_stitch = Exchange(3, 1, balanced=False).alpha
    torch.testing.assert_close(cross_stitch, torch.full((3, 3), 0.05).fill_diagonal_(0.9))
    alpha = Exchange(2, 2, balanced=False).alpha
    torch.testing.assert_close(alpha[0], torch.tensor([0.9 * 0.95, 0.9 * 0.05, 0.1 * 0.95, 0.1 * 0.05]))
    torch.testing.assert_close(alpha.sum(1), torch.ones(4))


def test_some_of_the_texts_go_on_alone() -> None:
    encoder = spec().build().eval()
    whole = run(encoder)[2]
    state = encoder.advance(encoder.embed(encoder.features(TEXTS), ROWS), 1)
    part = encoder.advance(encoder.narrow(state, ROWS.parent == 2), 2).read(2)
    torch.testing.assert_close(part, torch.cat([torch.zeros(3, 24), whole[3:]]))


def test_subspaces_are_rows_of_the_gates() -> None:
    encoder = spec(towers=("a", "b"), depth=1).build()
    parts = encoder.subspaces()
    assert len(parts) == 2 * 2 * 2 and parts[0].shape == (4, 2, 2, 7)
    weight = encoder.lstms["a"][0].ahead[0].weight_ih_l0  # type: ignore[index]
    assert torch.equal(parts[0][3, 1], weight[3 * 4 + 2 : 3 * 4 + 4])


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"towers": ("a",)}, "towers of two or more different names, got a"),
        ({"towers": ("a", "b", "a")}, "different names, got a, b, a"),
        ({"towers": ("a", "keys")}, "a tower 'keys'"),
        ({"towers": ("a", "b.c")}, "a tower 'b.c'"),
        ({"subspaces": 3}, "subspaces=3 does not divide width=4"),
        ({"depth": 0}, "depth has to be 1 or more, got depth=0"),
    ],
)
def test_what_makes_no_sense(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(GraphError, match=problem):
        spec(**settings)


def graph_of(pos: Any, chunk: Any, **settings: Any) -> TaskGraph:
    graph = TaskGraph(encoder=spec(towers=("pos", "chunk"), **settings))
    return graph.add(Tagging("pos", layer=pos, hidden=8)).add(Chunking("chunk", layer=chunk, hidden=8))


def test_a_task_reads_its_tower_and_mixes_its_layers(docs: list[Doc]) -> None:
    model = CascadeModel(graph_of(Tower("pos", layers=(2,)), Tower("chunk"))).initialize(docs).eval()
    one, all_ = (model.node(name).reading for name in ("pos", "chunk"))
    assert one is not None and all_ is not None
    layers = {1: torch.randn(5, 16), 2: torch.randn(5, 16)}
    assert torch.equal(one(layers.__getitem__), layers[2][:, :8])
    torch.testing.assert_close(all_(layers.__getitem__), 0.1 * layers[1][:, 8:] + 0.9 * layers[2][:, 8:])
    assert (one.width, all_.width, all_.highest) == (8, 8, 2)
    balanced = CascadeModel(graph_of(2, Tower("chunk", balanced=True))).initialize(docs)
    assert balanced.node("pos").reading.width == 16  # type: ignore[union-attr]
    assert balanced.node("chunk").reading.mixture.weights.tolist() == [0.5, 0.5]  # type: ignore[union-attr]


def test_towers_that_are_not_there(docs: list[Doc]) -> None:
    graph = graph_of(Tower("ner"), Tower("chunk", layers=(0, 3)))
    with pytest.raises(GraphError) as caught:
        graph.validate()
    assert caught.value.problems == [
        "task pos reads the tower 'ner', but the encoder has only pos, chunk",
        "task chunk reads layer 3, but the encoder has layers 0 to 2",
        "task chunk reads a tower at layer 0, but towers begin at layer 1",
    ]
    with pytest.raises(GraphError, match="has no towers: choose a Sluice"):
        TaskGraph(encoder=EMBEDDING).add(Tagging("pos", layer=Tower("pos"))).validate()


@pytest.mark.parametrize("subspaces", [1, 2])
def test_it_learns_two_tasks_by_heart(docs: list[Doc], subspaces: int) -> None:
    tower = Tower("chunk") if subspaces == 2 else Tower("chunk", layers=(2,))
    model = CascadeModel(graph_of(Tower("pos", layers=(1,)), tower, subspaces=subspaces)).initialize(docs).train()
    batch = model.batch(docs, targets=("pos", "chunk"))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(60):
        losses = model.losses(batch, ("pos", "chunk"))
        optimizer.zero_grad()
        sum(losses.values()).backward()  # type: ignore[union-attr]
        optimizer.step()
    assert max(float(loss.detach()) for loss in losses.values()) < 0.1
