from __future__ import annotations

import torch

from cascade.nn.decoders.maxout import Maxout, MaxoutClassifier
from cascade.nn.rows import Rows


def test_maxout_by_its_definition() -> None:
    layer, states = Maxout(3, 2, pieces=4), torch.randn(5, 3)
    weight, bias = layer.linear.weight.view(2, 4, 3), layer.linear.bias.view(2, 4)
    for state, result in zip(states, layer(states), strict=True):
        for unit in range(2):
            torch.testing.assert_close(result[unit], max(weight[unit] @ state + bias[unit]))


def test_a_maxout_unit_can_be_the_absolute_value() -> None:
    layer = Maxout(1, 1, pieces=2)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        layer.linear.bias.zero_()
    assert layer(torch.tensor([[-2.0], [3.0], [0.0]])).flatten().tolist() == [2.0, 3.0, 0.0]


def test_shapes_and_empty_batches() -> None:
    decoder = MaxoutClassifier(6, hidden=4, classes=3, layers=3, pieces=2, dropout=0.5)
    assert [layer.linear.in_features for layer in decoder.layers] == [6, 4, 4]
    for n in (0, 5):
        rows = Rows(parent=torch.arange(n), alive=torch.ones(n, dtype=torch.bool), size=n)
        scores = decoder(torch.randn(n, 6), rows)
        assert scores["logits"].shape == (n, 3)
        assert scores["hidden"].shape == (n, decoder.hidden_width)
