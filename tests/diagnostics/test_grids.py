from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cascade.config import read_config
from cascade.diagnostics import cells, grids
from cascade.diagnostics.cells import Cell
from cascade.diagnostics.grids import numbered, run_all, seeded
from tests.diagnostics.trainings import small_config


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return small_config(tmp_path)


def test_seeds(config: Path) -> None:
    assert numbered(3) == [0, 1, 2] and numbered([5, 2, 5]) == [5, 2]
    raw = read_config(config, interpolate=False)
    assert seeded(raw, 4) == {"system.seed": 4, "cascade.trainer.seed": 4}
    del raw["system"]
    assert seeded(raw, 4) == {"cascade.trainer.seed": 4}


def test_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They run side by side, no more than are allowed; those that fail say why."""
    code = "import sys; print('hm'); sys.exit('error: it is bad\\nvery bad' if sys.argv[1].endswith('bad') else 0)"
    running: list[Path] = []

    def start(folder: Path) -> subprocess.Popen[bytes]:
        running.append(folder)
        assert len(running) <= 2
        with (folder / cells.LOG).open("ab") as log:
            return subprocess.Popen([sys.executable, "-c", code, str(folder)], stdin=-1, stdout=log, stderr=log)

    def ended(folder: Path, failure: str | None) -> None:
        running.remove(folder)
        told[folder] = failure

    monkeypatch.setattr(grids, "start", start)
    folders, told = [tmp_path / name for name in ("one", "bad", "two")], dict[Path, str | None]()
    for folder in folders:
        folder.mkdir()
    said = f"it is bad\nvery bad (exit code 1; see {folders[1] / cells.LOG})"
    assert run_all(folders, 2, ended) == {folders[1]: said}
    assert told == {folders[0]: None, folders[1]: said, folders[2]: None}


def test_a_real_process(config: Path, tmp_path: Path) -> None:
    cell = Cell(tmp_path / "cell")
    cell.prepare(read_config(config, {"cascade.trainer.epochs": 1}), None)
    assert run_all([cell.folder], 1) == {}
    assert cell.trained().updates == 2 and cell.trained().memory > 2**20


def test_a_process_ends_with_its_parent(config: Path, tmp_path: Path) -> None:
    cell = Cell(tmp_path / "cell")
    cell.prepare(read_config(config, {"cascade.trainer.epochs": 100_000}), None)
    process = grids.start(cell.folder)
    assert process.stdin is not None
    process.stdin.close()  # which is what the system does when the parent dies
    with process:
        assert process.wait(60) == 1
    assert not (cell.folder / cells.TRAINED).exists()


def test_jobs_are_as_many_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = len(os.sched_getaffinity(0))
    size = grids.psutil.Process().memory_info().rss
    for room, jobs in ((0, 1), (3 * size, 1), (10**15, cores)):
        memory = type("Memory", (), {"available": room})
        monkeypatch.setattr(grids.psutil, "virtual_memory", lambda memory=memory: memory)
        assert grids.affordable() == jobs
