"""Weights that stay near where training began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from cascade.data.batches import Batch
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.training.regularizers.base import Regularizer, by_pattern, total
from cascade.training.schedules import Step


@dataclass(kw_only=True)
class Anchor(Regularizer):
    """Adds alpha / 2 * ||w - w0||^2, w0 being the weights when training began (L2-SP, Li et al. 2018, section 3).

    For models that have been trained before. What is new, such as the node of a task that has been added, has no reason
    to stay where it was drawn: give it a strength of 0.

    Args:
        strength: alpha.
        strengths: alpha for some parameters: by pattern (`nodes.entities.*`), the first that fits the name.
    """

    strength: float = 1e-2
    strengths: Mapping[str, float] = field(default_factory=dict)

    def begin(self, model: CascadeModel, *, sweeps: bool) -> None:
        """Take the snapshot, of what is trained.

        Raises:
            TrainingError: A pattern fits no parameter.
        """
        self._weights = by_pattern(model.named_parameters(), self.strengths, self.strength)
        self._anchors = {name: p.detach().clone() for name, (p, _) in self._weights.items()}

    def penalty(self, step: Step, batch: Batch, outputs: Mapping[str, Output]) -> Tensor:
        """Sum over all parameters, whatever the step trains."""
        return total(alpha / 2 * self._distance(name, p) for name, (p, alpha) in self._weights.items())

    def _distance(self, name: str, weights: Tensor) -> Tensor:
        return (weights - self._anchors[name]).square().sum()

    def state_dict(self) -> dict[str, Tensor]:
        """The snapshot."""
        return self._anchors

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take up the snapshot."""
        for name, anchor in self._anchors.items():
            anchor.copy_(state[name])
