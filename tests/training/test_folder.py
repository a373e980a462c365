from __future__ import annotations

from pathlib import Path

import pytest

from cascade.errors import TrainingError
from cascade.training.checkpoints import Checkpoint
from cascade.training.folder import RunFolder


def test_an_empty_folder_holds_no_run(tmp_path: Path) -> None:
    assert not RunFolder(tmp_path).holds_run(resume=False)
    assert not RunFolder(tmp_path / "absent").holds_run(resume=True)


def test_a_run_is_gone_on_with_only_when_asked(tmp_path: Path) -> None:
    RunFolder(tmp_path).checkpoints.save(Checkpoint({}, {}))
    assert RunFolder(tmp_path).holds_run(resume=True)
    with pytest.raises(TrainingError, match="resume=True"):
        RunFolder(tmp_path).holds_run(resume=False)


@pytest.mark.parametrize("resume", [True, False])
def test_nothing_is_overwritten_for_want_of_a_checkpoint(tmp_path: Path, resume: bool) -> None:
    RunFolder(tmp_path).best.mkdir()
    with pytest.raises(TrainingError, match="has best, but no checkpoint"):
        RunFolder(tmp_path).holds_run(resume=resume)


def test_a_best_model_that_was_being_replaced_is_put_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.checkpoints.save(Checkpoint({}, {}))
    (tmp_path / ".best.old").mkdir()
    assert folder.holds_run(resume=True)
    assert folder.best.is_dir()
