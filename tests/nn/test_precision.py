from __future__ import annotations

from pathlib import Path

import pytest

from cascade.nn.precision import has_bf16

CPUINFO = Path("/proc/cpuinfo")


@pytest.mark.skipif(not CPUINFO.is_file(), reason="only Linux lists what its CPU can do")
def test_bf16_is_what_the_kernel_says_of_the_cpu() -> None:
    flags = set(CPUINFO.read_text().split())
    assert has_bf16() == bool({"avx512_bf16", "amx_tile"} & flags)
