"""The squares of weight matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from cascade.data.batches import Batch
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.training.regularizers.base import Regularizer, by_pattern, total, within
from cascade.training.schedules import Step


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
        penalized = by_pattern(matrices, self.strengths, 0.0)
        graph = model.graph
        self._weights = {task: within(penalized, {task, *graph.ancestors([task])}) for task in graph.order()}

    def penalty(self, step: Step, batch: Batch, outputs: Mapping[str, Output]) -> Tensor:
        """Sum of lambda * ||W||^2; a matrix that several tasks need counts once."""
        weights = {name: entry for task in step.tasks for name, entry in self._weights[task].items()}
        return total(strength * p.square().sum() for p, strength in weights.values())
