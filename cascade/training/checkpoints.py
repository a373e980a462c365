"""Checkpoints: folders that appear whole or not at all. Nothing in them is pickled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from cascade import storage
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
        folder: Where it stands; see `cascade.storage.write_folder`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def exists(self) -> bool:
        """Whether there is a checkpoint. One that was being replaced when the run was killed is put back."""
        storage.put_back(self.folder)
        return (self.folder / STATE).is_file()

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, and remove the older one once it is whole.

        Raises:
            TrainingError: Writing fails; the older checkpoint is still there.
        """
        try:
            storage.write_folder(self.folder, _files(checkpoint))
        except OSError as error:
            raise TrainingError(
                f"cannot write the checkpoint {self.folder}: {error.strerror or error}; the one before it is "
                "untouched: mend this, then go on with resume=True"
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


def _files(checkpoint: Checkpoint) -> Iterator[tuple[str, bytes]]:
    for name, tensors in checkpoint.tensors.items():
        yield f"{name}.safetensors", safetensors.torch.save(_apart(tensors))
    yield STATE, json.dumps(checkpoint.plain, indent=1).encode("utf8")


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, each in a storage of its own: safetensors refuses shared ones."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
