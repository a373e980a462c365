"""What all tests share: one thread, no network, repeatable examples, and the real data for the benchmarks."""

from __future__ import annotations

import os
from pathlib import Path

# Libraries read these when they are imported, so they stand before everything else.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("cascade", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("cascade")


@pytest.fixture(autouse=True)
def seed() -> None:
    """Every test starts from the same torch seed, in whatever order the tests run."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of the real data sets, for tests marked `bench`; without it they are skipped."""
    folder = os.environ.get("CASCADE_DATA")
    if not folder:
        pytest.skip("CASCADE_DATA names no folder with the real data")
    return Path(folder)
