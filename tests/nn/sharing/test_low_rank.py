from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from cascade.nn.encoders import LoRA
from cascade.nn.sharing import LowRank


@pytest.mark.parametrize("model_type", ["bert", "distilbert"])
def test_an_update_is_that_of_peft(
    model_type: str, tiny: Callable[..., str], build: Callable[..., Any], read: Callable[..., Any], stir: Any
) -> None:
    folder = tiny(model_type)
    ours = stir(build(folder, conditioning=LowRank(tasks=("pos", "parse"), rank=2, alpha=3.0)))
    theirs = build(folder, lora=LoRA(rank=2, alpha=3.0))
    conditioner, copied = ours.conditioner, 0
    for task in ("pos", "parse"):
        for number, block in enumerate(theirs.blocks):
            for name, update in zip(conditioner.names[number], conditioner.updates[task][number], strict=True):
                layer = block.get_submodule(name.removesuffix(".weight"))
                layer.lora_A["default"].weight.data.copy_(update.a.data)
                layer.lora_B["default"].weight.data.copy_(update.b.data)
                copied += 1
        torch.testing.assert_close(read(ours, task), read(theirs), atol=1e-5, rtol=1e-4)
    assert copied == 2 * 2 * 4, "tasks, blocks, and query, key, value and output"


def test_an_update_costs_the_body_no_gradient(build: Callable[..., Any], read: Callable[..., Any], stir: Any) -> None:
    encoder = stir(build(conditioning=LowRank(tasks=("pos",))))
    read(encoder, "pos").sum().backward()
    assert all(p.grad is None for name, p in encoder.named_parameters() if name.startswith("blocks"))
    before = [p.clone() for p in encoder.blocks.parameters()]
    torch.optim.SGD([p for p in encoder.parameters() if p.requires_grad], lr=0.1).step()
    assert all(torch.equal(p, old) for p, old in zip(encoder.blocks.parameters(), before, strict=True))
