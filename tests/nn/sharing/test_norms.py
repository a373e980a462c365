from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from cascade.nn.sharing import ConditionalNorm


@pytest.mark.parametrize("model_type", ["bert", "distilbert"])
def test_a_task_runs_the_blocks_with_its_scales_and_shifts(
    model_type: str, tiny: Callable[..., str], build: Callable[..., Any], read: Callable[..., Any], stir: Any
) -> None:
    folder = tiny(model_type)
    encoder, by_hand = stir(build(folder, conditioning=ConditionalNorm(tasks=("pos", "parse")))), build(folder)
    norms = [module for module in by_hand.blocks.modules() if isinstance(module, nn.LayerNorm)]
    own = [norm for block in encoder.conditioner.norms["parse"] for norm in block]
    for norm, of_task in zip(norms, own, strict=True):
        norm.load_state_dict(of_task.state_dict())
    assert len(norms) == 4
    assert torch.equal(read(encoder, "parse"), read(by_hand))
