"""Which precisions a machine computes in quickly, and at which price in memory."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor

# oneDNN and torch's layer above it each keep code for the last 1,024 shapes. Batches of text hardly ever have a shape
# twice, so that this only takes memory. Both look here when they are first used.
for capacity in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(capacity, "64")

Precision = Literal["bf16", "no"]
"""`bf16`: matrix products in bfloat16, with sums and all that is sensitive in float32; `no`: as the caller has set up,
which is float32 unless said otherwise."""


def has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware, without which it is slower than float32."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def reduced(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """A context in which a CPU computes in the precision, if that is quicker than float32.

    Elsewhere whatever the caller has set up stands.
    """
    quick = precision == "bf16" and device.type == "cpu" and has_bf16()
    return torch.autocast("cpu", torch.bfloat16) if quick else nullcontext()


def lowered(states: Tensor) -> Tensor:
    """States as autocast hands them to matrix products; for those that are moved about before, which takes its time."""
    kind = states.device.type
    return states.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else states
