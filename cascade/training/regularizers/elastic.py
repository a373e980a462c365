"""Weights that stay near where training began as far as they matter to what was learned before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training.regularizers.anchor import Anchor
from cascade.training.regularizers.fisher import load_fisher


@dataclass(kw_only=True)
class Elastic(Anchor):
    """Adds lambda / 2 * sum_i F_i (w_i - w0_i)^2: elastic weight consolidation (Kirkpatrick et al. 2017, equation 3).

    F is the diagonal of the Fisher information of the tasks that the model knows, w0 the weights when training began.
    Parameters that the file lacks, such as those of a node that has been added, are left alone.

    Args:
        strength: lambda, to be chosen on dev: the surer a model is of what it learned, the smaller is F.
        strengths: lambda for some parameters; see `Anchor`.
        fisher: What `cascade fisher` or `save_fisher` has written, of the model with which training begins.
    """

    strength: float = 1000.0
    fisher: str | Path

    def begin(self, model: CascadeModel, *, sweeps: bool) -> None:
        """Take the snapshot and read the Fisher information.

        Raises:
            TrainingError: It cannot be read or is that of another graph, or a pattern fits no parameter.
        """
        found = load_fisher(self.fisher)
        parameters = dict(model.named_parameters())
        problems = [f"{name} is not in the graph" for name in found if name not in parameters]
        problems += [
            f"{name} has the shape {tuple(own.shape)} there, {tuple(parameters[name].shape)} here"
            for name, own in found.items()
            if name in parameters and own.shape != parameters[name].shape
        ]
        if problems:
            more = f"; and {len(problems) - 4} more" if len(problems) > 4 else ""
            raise TrainingError(
                f"regularizer Elastic: {self.fisher} is of another model: {'; '.join(problems[:4])}{more}: make it "
                "anew from the model with which training begins"
            )
        super().begin(model, sweeps=sweeps)
        self._weights = {name: entry for name, entry in self._weights.items() if name in found}
        self._anchors = {name: self._anchors[name] for name in self._weights}
        self._fisher = {name: found[name].to(self._anchors[name].device) for name in self._weights}

    def _distance(self, name: str, weights: Tensor) -> Tensor:
        return (self._fisher[name] * (weights - self._anchors[name]).square()).sum()
