from __future__ import annotations

import dataclasses

import torch

from cascade.nn.encoders import Embedding, Recurrent
from cascade.nn.encoders.recurrent import RecurrentEncoder
from cascade.nn.rows import Rows

ROWS = Rows(parent=torch.tensor([0, 0, 0, 2, 2]), alive=torch.ones(5, dtype=torch.bool), size=3)
TEXTS = [["a", "b", "c"], [], ["d", "a"]]


def build(dropout: float = 0.0) -> RecurrentEncoder:
    embedding = Embedding(words=4, characters=3, vocabulary=5, buckets=20)
    return Recurrent(embedding=embedding, width=3, depth=2, dropout=dropout).build()


def test_widths() -> None:
    assert build().widths == (7, 6, 6)


def test_a_layer_is_an_lstm_over_the_one_below() -> None:
    encoder = build().eval()
    state = encoder.advance(encoder.embed(encoder.features(TEXTS), ROWS), 2)
    for i, lstm in enumerate(encoder.layers):
        torch.testing.assert_close(state.read(i + 1), lstm(state.read(i), ROWS))


def test_every_token_sees_its_whole_text() -> None:
    encoder = build().eval()
    state = encoder.embed(encoder.features(TEXTS), ROWS)
    states = state.carry.detach().requires_grad_()
    reached = encoder.step(dataclasses.replace(state, carry=states)).read(1)
    for token in range(5):
        (gradient,) = torch.autograd.grad(reached[token].sum(), states, retain_graph=True)
        assert gradient.any(1).tolist() == (ROWS.parent == ROWS.parent[token]).tolist()


def test_dropout_falls_on_the_inputs_of_the_layers_alone() -> None:
    encoder = build(dropout=0.5).train()
    encoder.embedding.vocabulary.alpha = 0.0
    encoder.embedding.vocabulary.counts += 1
    features = encoder.features(TEXTS)
    one, two = (encoder.advance(encoder.embed(features, ROWS), 1) for _ in range(2))
    assert torch.equal(one.read(0), two.read(0))
    assert not torch.equal(one.read(1), two.read(1))
