"""Penalties that are added to the loss: successive regularization and weight decay by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from cascade.errors import TrainingError
from cascade.model import CascadeModel


class Regularizer(ABC):
    """A penalty, and the moments of training at which it may take note of the weights."""

    @abstractmethod
    def begin(self, model: CascadeModel, *, sweeps: bool) -> None:
        """Training begins, with the weights as they are.

        Args:
            model: The model that is trained.
            sweeps: Whether the schedule goes task by task, so that `end_sweep` is called.
        """

    @abstractmethod
    def penalty(self, tasks: Sequence[str]) -> Tensor:
        """What is added to the loss of a step that trains these tasks. Shape: []."""

    def end_sweep(self, task: str) -> None:  # noqa: B027
        """A task's sweep through the current epoch has ended."""

    def end_epoch(self) -> None:  # noqa: B027
        """An epoch has ended."""

    def state_dict(self) -> dict[str, Tensor]:
        """What a checkpoint has to keep."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Take up what `state_dict` gave; called after `begin`."""


@dataclass(kw_only=True)
class Successive(Regularizer):
    """Keeps a task from undoing what the tasks upstream have learned (Hashimoto et al. 2017, section 3).

    A step for task k adds delta * ||theta - theta'||^2 over the parameters of the encoder and of all ancestors of k;
    theta' is what they were when the sweep of k's last ancestor ended. The parameters of a task without ancestors are
    those of the encoder, and theta' is what they were at the end of the previous epoch (in the first epoch: at the
    beginning). Under a schedule that does not go task by task, every theta' is taken at the end of the previous epoch.

    Args:
        strength: delta.
        strengths: delta for some parameters: by pattern (`nodes.*.decoder.*`), the first that fits the name.
    """

    strength: float = 1e-3
    strengths: Mapping[str, float] = field(default_factory=dict)
    _anchors: dict[str, dict[str, Tensor]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def begin(self, model: CascadeModel, *, sweeps: bool) -> None:
        """Take all snapshots.

        Raises:
            TrainingError: A pattern fits no parameter.
        """
        penalized = _by_pattern(model.named_parameters(), self.strengths, self.strength)
        order = model.graph.order()
        above = {task: model.graph.ancestors([task]) for task in order}
        self._theta = {task: _within(penalized, above[task]) for task in order}
        self._last = {task: max(above[task], key=order.index) if sweeps and above[task] else None for task in order}
        self._snapshot(order)

    def end_sweep(self, task: str) -> None:
        """Take the snapshots of tasks whose last ancestor this was."""
        self._snapshot([k for k, last in self._last.items() if last == task])

    def end_epoch(self) -> None:
        """Take the snapshots that no sweep has brought."""
        self._snapshot([k for k, last in self._last.items() if last is None])

    def _snapshot(self, tasks: Iterable[str]) -> None:
        for task in tasks:
            self._anchors[task] = {name: p.detach().clone() for name, (p, _) in self._theta[task].items()}

    def penalty(self, tasks: Sequence[str]) -> Tensor:
        """Sum of delta * ||theta - theta'||^2; a parameter that several tasks anchor counts once."""
        theta = {name: entry for task in tasks for name, entry in self._theta[task].items()}
        anchors = {name: anchor for task in tasks for name, anchor in self._anchors[task].items()}
        return _total(delta * (p - anchors[name]).square().sum() for name, (p, delta) in theta.items())

    def state_dict(self) -> dict[str, Tensor]:
        """The snapshots."""
        return {f"{task}/{name}": t for task, anchors in self._anchors.items() for name, t in anchors.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take up the snapshots."""
        for key, tensor in state.items():
            task, name = key.split("/", 1)
            self._anchors[task][name].copy_(tensor)


@dataclass(kw_only=True)
class L2(Regularizer):
    """Adds lambda * ||W||^2 over weight matrices, not over biases (Hashimoto et al. 2017, section 3).

    A step for task k counts the matrices of the encoder, of k and of all its ancestors.

    Args:
        strengths: lambda by pattern (`nodes.*.recurrent.*`), the first that fits the name; no penalty without one.
    """

    strengths: Mapping[str, float]

    def begin(self, model: CascadeModel, *, sweeps: bool) -> None:
        """Find the matrices.

        Raises:
            TrainingError: A pattern fits no matrix.
        """
        matrices = ((name, p) for name, p in model.named_parameters() if p.dim() > 1)
        penalized = _by_pattern(matrices, self.strengths, 0.0)
        graph = model.graph
        self._weights = {task: _within(penalized, {task, *graph.ancestors([task])}) for task in graph.order()}

    def penalty(self, tasks: Sequence[str]) -> Tensor:
        """Sum of lambda * ||W||^2; a matrix that several tasks need counts once."""
        weights = {name: entry for task in tasks for name, entry in self._weights[task].items()}
        return _total(strength * p.square().sum() for p, strength in weights.values())


def _by_pattern(
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


def _within(parameters: Mapping[str, tuple[Tensor, float]], nodes: Iterable[str]) -> dict[str, tuple[Tensor, float]]:
    """The parameters of the encoder and of some nodes."""
    prefixes = ("encoder.", *(f"nodes.{node}." for node in nodes))
    return {name: entry for name, entry in parameters.items() if name.startswith(prefixes)}


def _total(parts: Iterable[Tensor]) -> Tensor:
    """Their sum; 0 without any."""
    return sum(parts, torch.zeros(()))
