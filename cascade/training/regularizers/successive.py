"""Successive regularization."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from cascade.data.batches import Batch
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.training.regularizers.base import Regularizer, by_pattern, total, within
from cascade.training.schedules import Step


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
        penalized = by_pattern(model.named_parameters(), self.strengths, self.strength)
        order = model.graph.order()
        above = {task: model.graph.ancestors([task]) for task in order}
        self._theta = {task: within(penalized, above[task]) for task in order}
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

    def penalty(self, step: Step, batch: Batch, outputs: Mapping[str, Output]) -> Tensor:
        """Sum of delta * ||theta - theta'||^2; a parameter that several tasks anchor counts once."""
        theta = {name: entry for task in step.tasks for name, entry in self._theta[task].items()}
        anchors = {name: anchor for task in step.tasks for name, anchor in self._anchors[task].items()}
        return total(delta * (p - anchors[name]).square().sum() for name, (p, delta) in theta.items())

    def state_dict(self) -> dict[str, Tensor]:
        """The snapshots."""
        return {f"{task}/{name}": t for task, anchors in self._anchors.items() for name, t in anchors.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take up the snapshots."""
        for key, tensor in state.items():
            task, name = key.split("/", 1)
            self._anchors[task][name].copy_(tensor)
