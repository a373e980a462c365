"""Optimizers as specifications, and the groups of parameters whose learning rates they set apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cascade.model import CascadeModel
from cascade.training.curves import Constant, Curve
from cascade.training.schedules import Step
from cascade.training.unfreezing import BELOW, layers_below

ENCODER = "encoder"
"""The group of the encoder's parameters; the other groups are called by their tasks."""
WEIGHTING = "weighting"
"""The group of what a weighting of losses learns."""


@dataclass(frozen=True, kw_only=True)
class Optimizer(ABC):
    """Makes a torch optimizer with one group of parameters for the encoder and one for every node.

    Args:
        rate: Learning rate.
        curve: How the rate moves in training.
    """

    rate: float
    curve: Curve = Constant()

    def build(
        self, model: CascadeModel, weights: Sequence[Tensor] = (), *, layered: bool = False
    ) -> torch.optim.Optimizer:
        """Make it; parameters that need no gradient are left out.

        Args:
            model: An initialized model.
            weights: What a weighting of losses learns.
            layered: Make a group for every layer of the encoder, for `Unfreezing`.

        Raises:
            TrainingError: No layer of the encoder is trained, although `layered` asks for them.
        """
        nodes = {name: model.nodes[name] for name in model.graph.order()}
        groups = _by_layer(model) if layered else [{"name": ENCODER, "params": _trained(model.encoder)}]
        groups += [{"name": name, "params": _trained(node)} for name, node in nodes.items()]
        groups.append({"name": WEIGHTING, "params": list(weights)})
        return self._make([group for group in groups if group["params"]])

    @abstractmethod
    def _make(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer: ...

    def adjust(
        self,
        optimizer: torch.optim.Optimizer,
        step: Step,
        rates: Mapping[str, float],
        *,
        epoch: int,
        progress: float,
    ) -> None:
        """Set the learning rates of a step.

        In a step of a task's sweep, the task's factor counts for every parameter, as the step is all its own; in other
        steps, the factor of a node counts for its own parameters. The factors of the encoder and of the weighting count
        for these always.

        Args:
            optimizer: What `build` made.
            step: The step.
            rates: Factors by task, and under `encoder` and `weighting`.
            epoch: Epoch, from 0.
            progress: Share of the whole training that lies behind, from 0 to 1.
        """
        base = self.rate * self.curve.factor(epoch, progress)
        for group in optimizer.param_groups:
            own = group["name"] if group["name"] in (ENCODER, WEIGHTING) else step.sweep or group["name"]
            swept = rates.get(step.sweep, 1.0) if step.sweep is not None and own == ENCODER else 1.0
            group["lr"] = base * rates.get(own, 1.0) * swept


@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """Stochastic gradient descent.

    Args:
        rate: Learning rate.
        curve: How the rate moves in training.
        momentum: Share of the last update that is added to the next.
    """

    rate: float = 1.0
    momentum: float = 0.0

    def _make(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.SGD(groups, lr=self.rate, momentum=self.momentum)


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """AdamW (Loshchilov and Hutter 2019): Adam with weight decay apart from the gradient.

    Args:
        rate: Learning rate.
        curve: How the rate moves in training.
        betas: Decay of the running means of gradient and squared gradient.
        weight_decay: Share of a weight that a step takes away, in units of the learning rate; biases and the scales of
            layer normalization, and all else of less than two dimensions, are left alone.
    """

    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0

    def _make(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        if self.weight_decay:
            groups = [part for group in groups for part in _by_decay(group)]
        # Fused, since the default takes eight times as long on a CPU.
        return torch.optim.AdamW(groups, lr=self.rate, betas=self.betas, weight_decay=self.weight_decay, fused=True)


def _trained(module: nn.Module) -> list[nn.Parameter]:
    return [p for p in module.parameters() if p.requires_grad]


def _by_layer(model: CascadeModel) -> list[dict[str, Any]]:
    """The encoder as a group for every layer, from the top, and one for what is part of none."""
    parameters, layers = dict(model.encoder.named_parameters()), layers_below(model)
    numbers = sorted(set(layers.values()), key=lambda below: -1 if below is None else below)
    named = {number: [name for name, below in layers.items() if below == number] for number in numbers}
    return [{"name": ENCODER, BELOW: n, "params": [parameters[name] for name in own]} for n, own in named.items()]


def _by_decay(group: dict[str, Any]) -> list[dict[str, Any]]:
    """A group as two: matrices, which decay, and all else."""
    matrices = [p for p in group["params"] if p.dim() > 1]
    others = [p for p in group["params"] if p.dim() <= 1]
    parts = [{**group, "params": matrices}, {**group, "params": others, "weight_decay": 0.0}]
    return [part for part in parts if part["params"]]
