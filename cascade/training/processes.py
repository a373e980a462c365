"""Several processes that train one model: each takes a part of every update's batches, and gradients are added up.

A launcher starts them, `torchrun --nproc-per-node 2 -m cascade train CONFIG --output DIR`; accelerate then tells every
process which one it is. In a process of its own, everything here does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast, gather_object, reduce
from torch import Tensor, nn

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)


def number() -> int:
    """How many there are; one until a trainer has settled on a device."""
    # Asking makes a state where there is none, which would fix the device.
    return int(PartialState().num_processes) if PartialState._shared_state else 1


def rank() -> int:
    """Which one this is, from 0."""
    return int(PartialState().process_index) if number() > 1 else 0


def is_first() -> bool:
    """Whether this is the one that writes files."""
    return rank() == 0


def own(items: Sequence[Item]) -> Sequence[Item]:
    """The part of some items that is this process's."""
    return items[rank() :: number()]


def wait() -> None:
    """Go on when all others have come to this point."""
    if number() > 1:
        PartialState().wait_for_everyone()


def gathered(item: Item) -> list[Item]:
    """What every process has, by rank; anything that can be pickled."""
    return [item] if number() == 1 else list(gather_object([item]))


def agree(model: nn.Module) -> None:
    """Give the model of every process the weights of the first."""
    if number() > 1:
        for tensor in model.state_dict().values():
            tensor.copy_(broadcast(tensor.clone()))


def as_first(tensor: Tensor) -> Tensor:
    """What the first process has in this tensor's place."""
    return tensor if number() == 1 else broadcast(tensor)


def total(tensors: Mapping[Key, Tensor], like: Callable[[Key], Tensor]) -> Mapping[Key, Tensor]:
    """Sums over processes by key; a key that a process lacks counts as 0 there.

    Args:
        tensors: Those of this process.
        like: Gives a tensor of the shape that belongs to a key.
    """
    if number() == 1:
        return tensors
    keys = list(dict.fromkeys(key for some in gathered(list(tensors)) for key in some))
    if not keys:
        return {}
    parts = [tensors[key] if key in tensors else torch.zeros_like(like(key)) for key in keys]
    flat = reduce(torch.cat([part.reshape(-1) for part in parts]), reduction="sum")
    pieces = flat.split([part.numel() for part in parts])
    return {key: piece.view_as(part) for key, piece, part in zip(keys, pieces, parts, strict=True)}


def tallied(tallies: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Sums over processes of lists of numbers by name."""
    everywhere: Iterable[Mapping[str, Any]] = gathered(dict(tallies))
    added: dict[str, list[float]] = {}
    for own_tallies in everywhere:
        for name, values in own_tallies.items():
            before = added.get(name, [0.0] * len(values))
            added[name] = [a + b for a, b in zip(before, values, strict=True)]
    return added
