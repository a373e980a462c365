"""What a weighting of losses is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

from torch import Tensor

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training.history import History


class Weighting(ABC):
    """What the losses of several tasks count for.

    A batch may carry the losses of some tasks only. What depends on the past is read off the history, or else kept in
    `state_dict`, so that a resumed run goes on as it would have gone.
    """

    @abstractmethod
    def begin(self, model: CascadeModel) -> None:
        """Training begins.

        Args:
            model: The model that is trained, initialized and on its device.

        Raises:
            TrainingError: The weighting does not fit the model's tasks, or a setting makes no sense.
        """

    @abstractmethod
    def weigh(self, losses: Mapping[str, Tensor], history: History) -> dict[str, Tensor]:
        """Weigh the losses of a batch.

        Args:
            losses: Mean loss by task, for at least one task. Shape of each: [].
            history: What the run has seen so far.

        Returns:
            By the same names, what is minimized: its sum. Shape of each: [].
        """

    def parameters(self) -> list[Tensor]:
        """What is learned along with the model; known once `begin` has been called."""
        return []

    def state_dict(self) -> dict[str, Tensor]:
        """What a checkpoint has to keep."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Take up what `state_dict` gave; called after `begin`."""


def require_tasks(model: CascadeModel, setting: str, names: Iterable[str]) -> None:
    """Check the names that a setting mentions.

    Raises:
        TrainingError: The model has no such task.
    """
    tasks = model.graph.order()
    strangers = ", ".join(name for name in names if name not in tasks)
    if strangers:
        raise TrainingError(f"weighting: {setting}= names {strangers}, but the graph has {', '.join(tasks)}")


def require_several(model: CascadeModel, method: str) -> None:
    """Check that there is something to weigh against something.

    Raises:
        TrainingError: The model has one task.
    """
    tasks = model.graph.order()
    if len(tasks) < 2:
        raise TrainingError(
            f"weighting: {method} weighs tasks against each other, but the graph has only {', '.join(tasks)}: take "
            "Static(), or add a task"
        )
