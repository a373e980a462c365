from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cascade.errors import StoreError
from cascade.retrieval.locking import only_writer

HOLD = """
import sys, time
from pathlib import Path
from cascade.retrieval.locking import only_writer
with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    with (
        only_writer(tmp_path / "lock"),
        pytest.raises(StoreError, match="somebody else"),
        only_writer(tmp_path / "lock"),
    ):
        pass
    with only_writer(tmp_path / "lock"):
        pass


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "lock"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match="somebody else"), only_writer(tmp_path / "lock"):
            pass
        process.kill()
        process.wait()
        with only_writer(tmp_path / "lock"):
            pass


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises((StoreError, OSError)), only_writer(tmp_path / "missing" / "lock"):
        pass
