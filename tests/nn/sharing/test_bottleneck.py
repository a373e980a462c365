from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from cascade.nn.sharing import Bottleneck


def test_an_adapter_is_the_equation(build: Callable[..., Any], stir: Callable[..., Any]) -> None:
    encoder = stir(build(conditioning=Bottleneck(tasks=("pos", "parse"), reduction=4)))
    own = {name.removeprefix("adapters.parse.1."): p for name, p in encoder.conditioner.named_parameters()}
    states = torch.randn(2, 3, 8)
    mean = states.mean(-1, keepdim=True)
    deviation = (states.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    normal = own["norm.weight"] * (states - mean) / deviation + own["norm.bias"]
    inner = normal @ own["down.weight"].T + own["down.bias"]
    inner = inner * 0.5 * (1 + torch.erf(inner / 2**0.5))
    expected = states + inner @ own["up.weight"].T + own["up.bias"]
    torch.testing.assert_close(encoder.conditioner.after(1, states, "parse"), expected)


def test_a_bottleneck_has_one_unit_at_least(build: Callable[..., Any]) -> None:
    encoder = build(conditioning=Bottleneck(tasks=("pos",), reduction=100))
    assert encoder.conditioner.adapters["pos"][0].down.out_features == 1
