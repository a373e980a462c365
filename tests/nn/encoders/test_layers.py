"""Which layer a parameter is part of, beside what autograd finds."""

from __future__ import annotations

import pytest
import torch

from cascade.nn.encoders import Convolutional, Embedding, Encoder, EncoderSpec, Recurrent, Sluice, Transformer
from cascade.nn.rows import Rows
from cascade.nn.sharing import Bottleneck

ROWS = Rows(parent=torch.tensor([0, 0, 0, 2, 2]), alive=torch.ones(5, dtype=torch.bool), size=3)
TEXTS = [["a", "b", "c"], [], ["d", "a"]]
EMBEDDING = Embedding(words=4, characters=3, vocabulary=5, buckets=20)


def reached(encoder: Encoder, layer: int) -> set[str]:
    """The parameters that the states of a layer depend on."""
    state = encoder.advance(encoder.embed(encoder.features(TEXTS), ROWS), layer)
    named = {name: p for name, p in encoder.named_parameters() if p.requires_grad}
    found = torch.autograd.grad(state.read(layer).square().sum(), list(named.values()), allow_unused=True)
    return {name for name, gradient in zip(named, found, strict=True) if gradient is not None}


def check(encoder: Encoder) -> None:
    layers = {name: encoder.layer_of(name) for name, _ in encoder.named_parameters()}
    assert set(layers.values()) == set(range(len(encoder.widths)))
    for layer in range(len(encoder.widths)):
        below = reached(encoder, layer - 1) if layer else set()
        assert reached(encoder, layer) - below == {name for name, own in layers.items() if own == layer}


@pytest.mark.parametrize(
    "spec",
    [
        EMBEDDING,
        Recurrent(embedding=EMBEDDING, width=3, depth=3),
        Convolutional(width=6, depth=2, words=4, parts=4, characters=4, vocabulary=5, buckets=20),
        Sluice(towers=("pos", "chunk"), embedding=EMBEDDING, width=4, depth=2),
    ],
    ids=lambda spec: type(spec).__name__,
)
def test_a_layer_is_what_its_states_need_beside_those_below(spec: EncoderSpec) -> None:
    check(spec.build())


def test_the_layers_of_a_transformer(tiny_bert: str) -> None:
    check(Transformer(tiny_bert).build())


def test_what_tasks_have_of_their_own_is_part_of_no_layer(tiny_bert: str) -> None:
    encoder = Transformer(tiny_bert, conditioning=Bottleneck(tasks=("pos",), train_body=True)).build()
    own = {name for name, _ in encoder.named_parameters() if encoder.layer_of(name) is None}
    assert own == {name for name, _ in encoder.named_parameters() if name.startswith("conditioner.")} != set()
