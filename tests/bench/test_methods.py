"""Every training method, killed for good in the middle of a run: resumed, it ends bit for bit as it would have."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.fresh import ROOT, environment
from tests.training.conftest import make_trainer
from tests.training.killing import written
from tests.training.methods import METHODS, settings

pytestmark = pytest.mark.bench

CHILD = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.training.conftest import make_trainer
from tests.training.killing import kill_for_good
from tests.training.methods import settings
kill_for_good(7)
make_trainer(**settings(sys.argv[1], Path(sys.argv[2]))).fit(sys.argv[3])
"""


@pytest.mark.parametrize("name", METHODS)
def test_killed_for_good(name: str, tmp_path: Path) -> None:
    run = tmp_path / "b" / "run"
    command = [sys.executable, "-c", CHILD, name, str(tmp_path), str(run)]
    child = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr
    make_trainer(**settings(name, tmp_path)).fit(run, resume=True)
    make_trainer(**settings(name, tmp_path)).fit(tmp_path / "a" / "run")
    assert written(run) == written(tmp_path / "a" / "run")
