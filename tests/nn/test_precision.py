from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cascade.nn.precision import Precision, has_bf16, lowered, reduced

CPUINFO = Path("/proc/cpuinfo")


@pytest.mark.skipif(not CPUINFO.is_file(), reason="only Linux lists what its CPU can do")
def test_bf16_is_what_the_kernel_says_of_the_cpu() -> None:
    flags = set(CPUINFO.read_text().split())
    assert has_bf16() == bool({"avx512_bf16", "amx_tile"} & flags)


@pytest.mark.parametrize("precision", ["bf16", "no"])
def test_products_are_reduced_where_that_is_asked_for_and_quick(precision: Precision) -> None:
    states, layer = torch.randn(3, 4), torch.nn.Linear(4, 5)
    with reduced(precision, states.device):
        expected = torch.bfloat16 if precision == "bf16" and has_bf16() else torch.float32
        assert layer(states).dtype == lowered(states).dtype == expected
        assert states.softmax(-1).dtype == torch.float32
    assert layer(states).dtype == lowered(states).dtype == torch.float32


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_the_callers_precision_stands(device: str) -> None:
    with torch.autocast("cpu", torch.bfloat16), reduced("no", torch.device(device)):
        assert torch.is_autocast_enabled("cpu")
