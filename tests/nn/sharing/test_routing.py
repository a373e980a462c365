from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from cascade.nn.sharing import SelectiveDropout


def masks(build: Callable[..., Any], *tasks: str, **settings: Any) -> torch.Tensor:
    found: torch.Tensor = build(conditioning=SelectiveDropout(tasks=tasks, **settings)).conditioner.masks
    return found


@pytest.mark.parametrize(("share", "kept"), [(0.5, 8), (0.3, 5), (0.01, 1), (1.0, 16)])
def test_a_task_uses_its_share_of_every_blocks_units(build: Callable[..., Any], share: float, kept: int) -> None:
    assert (masks(build, "pos", "parse", share=share).sum(2) == kept).all()


def test_masks_follow_from_the_name_and_the_seed_alone(build: Callable[..., Any]) -> None:
    both = masks(build, "pos", "parse")
    torch.manual_seed(7)
    assert torch.equal(both[1], masks(build, "parse")[0])
    assert torch.equal(both.flip(0), masks(build, "parse", "pos"))
    assert not torch.equal(both[0], both[1])
    assert not torch.equal(both[0, 0], both[0, 1])
    assert not torch.equal(both, masks(build, "pos", "parse", seed=1))


@pytest.mark.parametrize("model_type", ["bert", "distilbert"])
def test_a_task_runs_the_blocks_without_the_units_that_it_does_not_use(
    model_type: str, tiny: Callable[..., str], build: Callable[..., Any], read: Callable[..., Any]
) -> None:
    folder = tiny(model_type)
    encoder, by_hand = build(folder, conditioning=SelectiveDropout(tasks=("pos",), share=0.25)), build(folder)
    for block, mask in zip(by_hand.blocks, encoder.conditioner.masks[0], strict=True):
        place = block.ffn.lin2 if model_type == "distilbert" else block.output.dense
        place.register_forward_pre_hook(lambda _, given, mask=mask: (given[0] * mask / 0.25,))
    torch.testing.assert_close(read(encoder, "pos"), read(by_hand))


def test_all_units_are_the_plain_blocks(build: Callable[..., Any], read: Callable[..., Any]) -> None:
    encoder = build(conditioning=SelectiveDropout(tasks=("pos",), share=1.0))
    assert torch.equal(read(encoder, "pos"), read(encoder))
    assert encoder.get_parameter("blocks.0.output.dense.weight").requires_grad, "the body is what is trained"
