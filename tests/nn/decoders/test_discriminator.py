from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from cascade.nn.decoders.discriminator import Discriminator
from cascade.nn.reversal import ramp
from cascade.nn.rows import Rows

ROWS = Rows(parent=torch.arange(4), alive=torch.ones(4, dtype=torch.bool), size=4)
GOLD = torch.tensor([0, 1, 2, 0])


def make(strength: float = 0.5, epochs: int | None = None) -> Discriminator:
    return Discriminator(5, hidden=6, classes=3, dropout=0.0, strength=strength, epochs=epochs)


def test_its_own_weights_follow_the_loss_and_the_states_go_against_it() -> None:
    decoder, states = make(), torch.randn(4, 5, requires_grad=True)
    loss = functional.cross_entropy(decoder(states, ROWS)["logits"], GOLD)
    plain = functional.cross_entropy(decoder.classifier(states, ROWS)["logits"], GOLD)
    weight = decoder.classifier.hidden.weight
    torch.testing.assert_close(
        torch.autograd.grad(loss, weight, retain_graph=True), torch.autograd.grad(plain, weight, retain_graph=True)
    )
    (against,), (along,) = torch.autograd.grad(loss, states), torch.autograd.grad(plain, states)
    torch.testing.assert_close(against, -0.5 * along)


def test_hidden_states_are_those_before_the_reversal() -> None:
    decoder, states = make(), torch.randn(4, 5, requires_grad=True)
    hidden = decoder(states, ROWS)["hidden"]
    assert torch.equal(hidden, states) and decoder.hidden_width == 5
    (gradient,) = torch.autograd.grad(hidden.sum(), states)
    assert torch.equal(gradient, torch.ones(4, 5))


def test_the_scale_rises_over_its_epochs() -> None:
    decoder = make(strength=0.2, epochs=4)
    scales = []
    for decoder.epoch in (0, 1, 4, 9):
        scales.append(decoder.scale)
    assert scales == pytest.approx([0.0, 0.2 * ramp(0.25), 0.2 * ramp(1), 0.2 * ramp(1)])
    assert make(strength=0.2).scale == 0.2
