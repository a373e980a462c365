"""Which precisions a machine computes in quickly."""

from __future__ import annotations

import torch


def has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware, without which it is slower than float32."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
