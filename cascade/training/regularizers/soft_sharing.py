"""Soft parameter sharing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations

from torch import Tensor

from cascade.data.batches import Batch
from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.training.regularizers.base import Regularizer, total
from cascade.training.schedules import Step


@dataclass(kw_only=True)
class SoftSharing(Regularizer):
    """Adds lambda * ||theta_a - theta_b||^2 for parameters that should stay alike (Ruder 2017, section 3.2).

    So do Duong et al. (2015) with the parsers of two languages.

    Args:
        between: Patterns of names, such as `nodes.pos.recurrent.*` and `nodes.chunk.recurrent.*`: what fits one is, in
            the order of the names, the counterpart of what fits another. Each is compared with each.
        strength: lambda.

    Raises:
        TrainingError: There are fewer than two patterns.
    """

    between: Sequence[str]
    strength: float = 1e-3

    def __post_init__(self) -> None:
        if len(self.between) < 2:
            raise TrainingError(f"regularizer SoftSharing: between= needs two patterns or more, got {self.between}")

    def begin(self, model: CascadeModel, *, sweeps: bool) -> None:
        """Find the parameters.

        Raises:
            TrainingError: A pattern fits no parameter, or what two patterns fit has other shapes.
        """
        named = sorted(model.named_parameters())
        self._towers = {p: [t for name, t in named if fnmatchcase(name, p)] for p in self.between}
        shapes = {pattern: [tuple(t.shape) for t in found] for pattern, found in self._towers.items()}
        first = self.between[0]
        for pattern, found in shapes.items():
            if not found:
                raise TrainingError(
                    f"regularizer SoftSharing: nothing fits {pattern!r}; a parameter is called such as {named[-1][0]}"
                )
            if found != shapes[first]:
                raise TrainingError(
                    f"regularizer SoftSharing: what {first!r} fits has the shapes {shapes[first]}, what {pattern!r} "
                    f"fits {found}: name parts that are built alike"
                )

    def penalty(self, step: Step, batch: Batch, outputs: Mapping[str, Output]) -> Tensor:
        """Sum over all pairs of patterns and all their parameters, whatever the step trains."""
        pairs = combinations(self._towers.values(), 2)
        distances = ((a - b).square().sum() for one, other in pairs for a, b in zip(one, other, strict=True))
        return self.strength * total(distances)
