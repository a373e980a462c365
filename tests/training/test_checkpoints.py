from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch

from cascade import storage
from cascade.errors import TrainingError
from cascade.training.checkpoints import STATE, Checkpoint, Checkpoints


def make(number: int) -> Checkpoint:
    weights = torch.arange(6.0).reshape(2, 3) + number
    return Checkpoint({"number": number, "loss": 0.1 + 0.2}, {"model": {"w": weights, "row": weights[0]}, "empty": {}})


@pytest.fixture
def store(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "run" / "last")


def names(store: Checkpoints) -> list[str]:
    return sorted(path.name for path in store.folder.parent.iterdir())


def test_what_is_saved_is_loaded_bit_by_bit(store: Checkpoints) -> None:
    assert not store.exists()
    store.save(make(3))
    loaded = store.load()
    assert store.exists()
    assert loaded.plain == {"number": 3, "loss": 0.1 + 0.2}
    assert torch.equal(loaded.tensors["model"]["w"], make(3).tensors["model"]["w"])
    assert torch.equal(loaded.tensors["model"]["row"], torch.tensor([3.0, 4.0, 5.0]))
    assert loaded.tensors["empty"] == {}


def test_only_the_newest_is_kept(store: Checkpoints) -> None:
    for number in range(3):
        store.save(make(number))
    assert store.load().plain["number"] == 2
    assert names(store) == ["last"]


@pytest.mark.parametrize("fails_at", [0, 1, 2, 3])
def test_a_full_disk_leaves_the_older_one(store: Checkpoints, monkeypatch: pytest.MonkeyPatch, fails_at: int) -> None:
    """The write of any of the three files fails, or the renaming at the end."""
    store.save(make(1))
    write, rename, calls = storage._write, Path.rename, []

    def full(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) > fails_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(*arguments)

    def refused(self: Path, target: Path) -> Path:
        if self.name == ".last.tmp" and fails_at == 3:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(storage, "_write", full)
        patched.setattr(Path, "rename", refused)
        with pytest.raises(TrainingError, match="the one before it is untouched"):
            store.save(make(2))
    assert store.load().plain["number"] == 1
    assert names(store) == ["last"]
    store.save(make(3))
    assert store.load().plain["number"] == 3


def test_the_reason_is_that_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    store = Checkpoints(tmp_path / "run" / "last")
    with pytest.raises(TrainingError, match=r"run/last: Not a directory; .*: mend this, then go on") as caught:
        store.save(make(1))
    assert "room" not in str(caught.value)


def test_killed_while_the_new_one_takes_the_place_of_the_old(store: Checkpoints) -> None:
    store.save(make(1))
    store.folder.rename(store.folder.with_name(".last.old"))
    assert store.exists()
    assert store.load().plain["number"] == 1


def test_killed_while_the_new_one_is_written(store: Checkpoints) -> None:
    store.save(make(1))
    fresh = store.folder.with_name(".last.tmp")
    fresh.mkdir()
    (fresh / "model.safetensors").write_bytes(b"half")
    assert store.load().plain["number"] == 1
    store.save(make(2))
    assert names(store) == ["last"]


@pytest.mark.parametrize("name", [STATE, "model.safetensors"])
def test_a_damaged_one_is_told_by_name(store: Checkpoints, name: str) -> None:
    store.save(make(1))
    (store.folder / name).write_bytes(b"{")
    with pytest.raises(TrainingError, match="cannot read the checkpoint"):
        store.load()


def test_nothing_is_pickled(store: Checkpoints) -> None:
    store.save(make(1))
    assert sorted(path.name for path in store.folder.iterdir()) == ["empty.safetensors", "model.safetensors", STATE]
