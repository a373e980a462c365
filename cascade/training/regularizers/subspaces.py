"""Subspaces of a sluice network that learn different things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from torch import Tensor

from cascade.data.batches import Batch
from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.nn.encoders.sluice import SluiceEncoder
from cascade.training.regularizers.base import Regularizer, total
from cascade.training.schedules import Step


@dataclass(kw_only=True)
class Subspaces(Regularizer):
    """Adds c * sum ||W1^T W2||_F^2 over the subspaces of a sluice network's matrices (Ruder et al. 2019, section 2).

    W1 and W2 are the rows of a gate's matrix, of inputs or of recurrent states, that make two subspaces of one tower.

    Args:
        strength: c.
    """

    strength: float = 0.1

    def begin(self, model: CascadeModel, *, sweeps: bool) -> None:
        """Find the matrices.

        Raises:
            TrainingError: The encoder is no `Sluice`, or has one subspace only.
        """
        encoder = model.encoder
        if not isinstance(encoder, SluiceEncoder) or encoder.spec.subspaces < 2:
            raise TrainingError(
                "regularizer Subspaces: the encoder has no subspaces, expected a Sluice with subspaces=2 or more, got "
                f"{model.graph.encoder!r}: change it, or leave the regularizer out"
            )
        self._encoder = encoder

    def penalty(self, step: Step, batch: Batch, outputs: Mapping[str, Output]) -> Tensor:
        """Sum over all towers, layers, directions, gates and pairs of subspaces."""
        return self.strength * total(map(_overlap, self._encoder.subspaces()))


def _overlap(parts: Tensor) -> Tensor:
    """The sum of ||A^T B||_F^2 over pairs of parts, as that of <A A^T, B B^T>, which are smaller matrices.

    Args:
        parts: Shape: [gates, parts, units, inputs].
    """
    grams = parts @ parts.transpose(-1, -2)
    return total((a * b).sum() for a, b in combinations(grams.unbind(1), 2))
