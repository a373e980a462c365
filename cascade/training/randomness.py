"""The states of all random number generators, as JSON and tensors."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def generators() -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The states of Python's and numpy's generators, and of torch's on the CPU and on every GPU."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    version, words, gauss_next = random.getstate()
    plain = {
        "numpy": [kind, np.asarray(keys).tolist(), position, has_gauss, gauss],
        "python": [version, list(words), gauss_next],
    }
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return plain, {"cpu": torch.get_rng_state(), **{f"cuda{i}": state for i, state in enumerate(gpus)}}


def restore_generators(plain: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Put the generators into the states that `generators` gave; GPUs that are not there are left out."""
    kind, keys, *rest = plain["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
    version, words, gauss_next = plain["python"]
    random.setstate((version, tuple(words), gauss_next))
    torch.set_rng_state(tensors["cpu"])
    for i in range(torch.cuda.device_count()):
        if f"cuda{i}" in tensors:
            torch.cuda.set_rng_state(tensors[f"cuda{i}"], i)
