"""Penalties that are added to the loss, and what several of them need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from cascade.data.batches import Batch
from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.training.schedules import Step


class Regularizer(ABC):
    """A penalty, and the moments of training at which it may take note of the weights."""

    @abstractmethod
    def begin(self, model: CascadeModel, *, sweeps: bool) -> None:
        """Training begins, with the weights as they are.

        Args:
            model: The model that is trained.
            sweeps: Whether the schedule goes task by task, so that `end_sweep` is called.
        """

    def reads(self, step: Step) -> Collection[str]:
        """Tasks that the penalty wants to see the outputs of, besides those that the step trains."""
        return ()

    @abstractmethod
    def penalty(self, step: Step, batch: Batch, outputs: Mapping[str, Output]) -> Tensor:
        """What is added to the loss of a step.

        Args:
            step: The step.
            batch: What the model has read, gold among it.
            outputs: What the model has made of it, by task; upstream tasks among them.

        Returns:
            Shape: [].
        """

    def end_sweep(self, task: str) -> None:  # noqa: B027
        """A task's sweep through the current epoch has ended."""

    def end_epoch(self) -> None:  # noqa: B027
        """An epoch has ended."""

    def state_dict(self) -> dict[str, Tensor]:
        """What a checkpoint has to keep."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Take up what `state_dict` gave; called after `begin`."""


def by_pattern(
    named: Iterable[tuple[str, Tensor]], strengths: Mapping[str, float], default: float
) -> dict[str, tuple[Tensor, float]]:
    """Parameters that are trained and penalized, each with the strength of the first pattern that fits its name."""
    parameters = dict(named)
    for pattern in strengths:
        if not any(fnmatchcase(name, pattern) for name in parameters):
            raise TrainingError(
                f"regularizer: nothing fits {pattern!r}; what it is for is called such as {max(parameters)}"
            )
    found = {
        name: (p, next((value for pattern, value in strengths.items() if fnmatchcase(name, pattern)), default))
        for name, p in parameters.items()
    }
    return {name: (p, strength) for name, (p, strength) in found.items() if p.requires_grad and strength}


def within(parameters: Mapping[str, tuple[Tensor, float]], nodes: Iterable[str]) -> dict[str, tuple[Tensor, float]]:
    """The parameters of the encoder and of some nodes."""
    prefixes = ("encoder.", *(f"nodes.{node}." for node in nodes))
    return {name: entry for name, entry in parameters.items() if name.startswith(prefixes)}


def total(parts: Iterable[Tensor]) -> Tensor:
    """Their sum; 0 without any."""
    return sum(parts, torch.zeros(()))
