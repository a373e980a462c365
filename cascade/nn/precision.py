"""Which precisions a machine computes in quickly."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Precision = Literal["bf16", "no"]
"""`bf16`: matrix products in bfloat16, with sums and all that is sensitive in float32; `no`: float32 throughout."""


def has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware, without which it is slower than float32."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def reduced(precision: Precision, device: torch.device) -> torch.autocast:
    """A context in which a CPU computes in the precision, if that is quicker than float32; others do as they do."""
    return torch.autocast(
        device.type, torch.bfloat16, enabled=precision == "bf16" and device.type == "cpu" and has_bf16()
    )


def lowered(states: Tensor) -> Tensor:
    """States as autocast hands them to matrix products; for those that are moved about before, which takes its time."""
    kind = states.device.type
    return states.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else states
