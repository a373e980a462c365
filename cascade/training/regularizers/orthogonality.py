"""Shared and private states that hold different things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from cascade.data.batches import Batch
from cascade.errors import TrainingError
from cascade.graph import Hidden, Recurrent
from cascade.graph.units import hidden_unit
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.training.regularizers.base import Regularizer, total
from cascade.training.schedules import Step


@dataclass(kw_only=True)
class Orthogonality(Regularizer):
    """Adds gamma * ||S^T H||_F^2 over shared states S and private states H of a batch (Liu et al. 2017, section 4.3).

    S are the hidden states of one task, such as an `Adversary`. H are those of the own `Recurrent` layer of a task that
    reads them by a `Hidden` edge, pooled where S are states of texts. A row of S and one of H are about the same text
    or token.

    Args:
        shared: Name of the task whose hidden states are shared.
        strength: gamma.
        normalized: Whether states are centred over the batch and scaled to length 1, and the square of the norm is
            divided by the size of S^T H, so that neither batch nor width matter; so does the code of the authors.
    """

    shared: str = "adversary"
    strength: float = 0.01
    normalized: bool = False

    def begin(self, model: CascadeModel, *, sweeps: bool) -> None:
        """Find the tasks that have private states.

        Raises:
            TrainingError: There is no such task, or its states are of another unit than the shared ones.
        """
        graph = model.graph
        if self.shared not in graph.names():
            raise TrainingError(
                f"regularizer Orthogonality: no task {self.shared!r}, the graph has {', '.join(graph.names())}: set "
                "shared= to the task whose hidden states are shared"
            )
        self._model = model
        self._private = [
            name
            for name in graph[self.shared]
            if any(isinstance(edge, Hidden) for edge in graph.edges_into(name)[self.shared])
            and isinstance(model.task(name).layer, Recurrent)
        ]
        if not self._private:
            raise TrainingError(
                f"regularizer Orthogonality: no task reads {self.shared!r} by a Hidden edge and has private states, a "
                "layer=Recurrent(...) of its own: add what is missing, or leave the regularizer out"
            )
        unit = hidden_unit(model.task(self.shared))
        for task in map(model.task, self._private):
            if unit not in (hidden_unit(task), task.unit):
                raise TrainingError(
                    f"regularizer Orthogonality: {self.shared!r} has states of {unit} rows, {task.name!r} of "
                    f"{task.unit} rows: give {self.shared!r} a layer=Recurrent(...), for it to have states of tokens"
                )

    def penalty(self, step: Step, batch: Batch, outputs: Mapping[str, Output]) -> Tensor:
        """Sum over the tasks of the step that have private states."""
        present = [name for name in self._private if name in step.tasks and name in outputs]
        return self.strength * total(self._overlap(name, outputs) for name in present)

    def _overlap(self, name: str, outputs: Mapping[str, Output]) -> Tensor:
        shared, private = outputs[self.shared].hidden, outputs[name].hidden
        pool = self._model.node(name).pool
        if pool is not None and hidden_unit(self._model.task(self.shared)) != "token":
            private = pool(private, outputs[name].layout)
        if not self.normalized:
            return (shared.T @ private).square().sum()
        return (_unit(shared).T @ _unit(private)).square().mean()


def _unit(states: Tensor) -> Tensor:
    """Centred over the rows, each then of length 1. Shape: [rows, width]."""
    return functional.normalize(states - states.mean(0), dim=1)
