from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from cascade.nn.sharing import HyperNetwork

WIDTH, NARROW, SIZE = 8, 2, 6


@pytest.fixture
def encoder(build: Callable[..., Any], stir: Callable[..., Any]) -> Any:
    return stir(build(conditioning=HyperNetwork(tasks=("pos", "parse"), reduction=4, size=SIZE, hidden=5)))


def normal(states: Tensor, eps: float) -> Tensor:
    centred = states - states.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt()


def test_what_is_generated_is_the_equation(encoder: Any) -> None:
    p = dict(encoder.conditioner.named_parameters())
    both = torch.cat([p["tasks.weight"][1], p["blocks.weight"][0]])
    hidden = (p["inner.weight"] @ both + p["inner.bias"]).clamp(min=0)
    context = p["norm.weight"] * normal(p["outer.weight"] @ hidden + p["outer.bias"], 1e-6) + p["norm.bias"]
    flat = p["heads.weight"] @ context + p["heads.bias"]
    made = encoder.conditioner.generate(0, "parse")
    torch.testing.assert_close(torch.cat([part.flatten() for part in made]), flat)
    assert [tuple(part.shape) for part in made] == [(NARROW, WIDTH), (NARROW,), (WIDTH, NARROW), *[(WIDTH,)] * 3]
    states = torch.randn(4, WIDTH)
    inner = states @ made.down.T + made.down_bias
    outer = (inner * torch.sigmoid(inner)) @ made.up.T + made.up_bias
    expected = states + made.scale * normal(outer, 1e-5) + made.shift
    torch.testing.assert_close(encoder.conditioner.after(0, states, "parse"), expected)


def test_tasks_and_blocks_get_adapters_of_their_own(encoder: Any) -> None:
    made = [encoder.conditioner.generate(number, task).up for number in (0, 1) for task in ("pos", "parse")]
    assert not any(torch.allclose(one, other) for i, one in enumerate(made) for other in made[:i])


def test_a_new_adapter_changes_little(build: Callable[..., Any]) -> None:
    conditioner = build(conditioning=HyperNetwork(tasks=("pos",), reduction=2)).conditioner
    assert 0.005 < conditioner.heads.weight.std() < 0.015
    assert not conditioner.heads.bias.any()
    states = torch.randn(50, WIDTH)
    assert (conditioner.after(0, states, "pos") - states).abs().max() < 0.5 * states.std()
