"""Checkpoints: folders that appear whole or not at all. Nothing in them is pickled."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from cascade.errors import TrainingError

STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a run needs to go on.

    Args:
        plain: What JSON can hold.
        tensors: Tensors by name, in named sets; a set becomes one safetensors file.
    """

    plain: Mapping[str, Any]
    tensors: Mapping[str, Mapping[str, Tensor]]


class Checkpoints:
    """The newest checkpoint of a run.

    Args:
        folder: Where it stands. Beside it, a hidden folder exists while a checkpoint is written, another while it takes
            the place of the older one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fresh = folder.with_name(f".{folder.name}.tmp")
        self.old = folder.with_name(f".{folder.name}.old")

    def exists(self) -> bool:
        """Whether there is a checkpoint. One that was being replaced when the run was killed is put back."""
        self._put_back()
        return (self.folder / STATE).is_file()

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, and remove the older one once it is whole.

        Raises:
            TrainingError: Writing fails; the older checkpoint is still there.
        """
        try:
            shutil.rmtree(self.fresh, ignore_errors=True)
            self.fresh.mkdir(parents=True)
            for name, tensors in checkpoint.tensors.items():
                _write(self.fresh / f"{name}.safetensors", safetensors.torch.save(_apart(tensors)))
            _write(self.fresh / STATE, json.dumps(checkpoint.plain, indent=1).encode("utf8"))
            self._swap()
        except OSError as error:
            shutil.rmtree(self.fresh, ignore_errors=True)
            self._put_back()
            raise TrainingError(
                f"cannot write the checkpoint {self.folder}: {error}; the one before it is untouched: "
                "make room, then go on with resume=True"
            ) from error

    def load(self) -> Checkpoint:
        """Read the checkpoint.

        Raises:
            TrainingError: It cannot be read.
        """
        try:
            plain = json.loads((self.folder / STATE).read_bytes())
            tensors = {p.stem: safetensors.torch.load_file(p) for p in self.folder.glob("*.safetensors")}
        except (OSError, ValueError, SafetensorError) as error:
            raise TrainingError(
                f"cannot read the checkpoint {self.folder}: {error}; train into a new folder"
            ) from error
        return Checkpoint(plain, tensors)

    def _put_back(self) -> None:
        if self.old.exists() and not self.folder.exists():
            self.old.rename(self.folder)

    def _swap(self) -> None:
        shutil.rmtree(self.old, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(self.old)
        self.fresh.rename(self.folder)
        shutil.rmtree(self.old, ignore_errors=True)


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, each in a storage of its own: safetensors refuses shared ones."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
