"""Gradual unfreezing of the encoder, layer by layer, each with a learning rate of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from cascade.errors import TrainingError
from cascade.graph import layers_read
from cascade.model import CascadeModel

BELOW = "below"
"""Where a group of parameters has how many layers it is below the top."""


@dataclass(frozen=True, kw_only=True)
class Unfreezing:
    """Unfreezes the encoder from its top, lower layers at lower rates (Howard and Ruder 2018, sections 3.2 and 3.3).

    At first the nodes are trained alone, as they stand for the paper's last layer; then one encoder layer more is
    trained every `epochs_per_layer` epochs, until all are. With the learning rate r of the encoder, layer l is trained
    at r * decay^(l - top), where the top is the highest layer that a task reads. What is frozen gets no gradient, which
    saves its time too. What tasks have of their own in the encoder is trained like their nodes.

    Args:
        epochs_per_layer: Epochs from one layer to the next, 1 or more.
        decay: By what the rate is divided from a layer to the one below it; 1 for one rate.
    """

    epochs_per_layer: int = 1
    decay: float = 2.6

    def problems(self) -> list[str]:
        """What has no sense in it, a sentence each."""
        problems = (
            []
            if self.epochs_per_layer >= 1
            else [f"epochs_per_layer= has to be 1 or more, got {self.epochs_per_layer}"]
        )
        return problems + ([] if self.decay > 0 else [f"decay= has to be above 0, got {self.decay}"])

    def freeze(self, optimizer: torch.optim.Optimizer, epoch: int) -> None:
        """Let the layers that an epoch trains need gradients, and no others.

        Args:
            optimizer: What `Optimizer.build` made with `layered=True`.
            epoch: Epoch, from 0.
        """
        for group in _layered(optimizer):
            for parameter in group["params"]:
                parameter.requires_grad_(group[BELOW] < epoch // self.epochs_per_layer)

    def release(self, optimizer: torch.optim.Optimizer) -> None:
        """Let all layers need gradients again."""
        for group in _layered(optimizer):
            for parameter in group["params"]:
                parameter.requires_grad_()

    def adjust(self, optimizer: torch.optim.Optimizer) -> None:
        """Lower the rates that `Optimizer.adjust` has set, by layer."""
        for group in _layered(optimizer):
            group["lr"] /= self.decay ** group[BELOW]


def layers_below(model: CascadeModel) -> dict[str, int | None]:
    """How far below the top every trained parameter of the encoder is; None for what is part of no layer.

    Args:
        model: An initialized model.

    Returns:
        Layers by the parameter's name in the encoder; 0 for the highest layer that a task reads, and above it.

    Raises:
        TrainingError: There is nothing to unfreeze.
    """
    depth = len(model.encoder.widths) - 1
    top = max(layer for task in model.graph.order() for layer in layers_read(model.task(task).layer, depth))
    names = [name for name, parameter in model.encoder.named_parameters() if parameter.requires_grad]
    layers = {name: model.encoder.layer_of(name) for name in names}
    if all(layer is None for layer in layers.values()):
        raise TrainingError("unfreezing= unfreezes layers of the encoder, but none of them is trained: leave it out")
    return {name: None if layer is None else max(top - layer, 0) for name, layer in layers.items()}


def _layered(optimizer: torch.optim.Optimizer) -> Iterator[dict[str, Any]]:
    return (group for group in optimizer.param_groups if group.get(BELOW) is not None)
