"""Device and precision, by accelerate."""

from __future__ import annotations

import os

import torch
from accelerate import Accelerator, PartialState

from cascade.errors import TrainingError
from cascade.nn.precision import has_bf16


def accelerator(precision: str, *, cpu: bool) -> Accelerator:
    """What moves tensors, casts them, and runs the backward pass.

    Args:
        precision: `no`, or `bf16`, which is `no` on a CPU that has no bfloat16.
        cpu: Whether to stay on the CPU where there is a GPU.

    Raises:
        TrainingError: The process has used another device or precision.
    """
    # accelerate joins launched processes on a CPU only where it is told to stay there.
    cpu = cpu or ("LOCAL_RANK" in os.environ and not torch.cuda.is_available())
    try:
        slow = PartialState(cpu=cpu).device.type == "cpu" and not has_bf16()
        return Accelerator(mixed_precision="no" if slow else precision, cpu=cpu)
    except ValueError as error:
        raise TrainingError(
            f"precision={precision!r}, cpu={cpu}: {error} (accelerate keeps to one device and one precision in a "
            "process: train with others in a new one)"
        ) from error
