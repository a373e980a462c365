"""Learning without forgetting: on new data, old tasks go on saying what they said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from cascade import storage
from cascade.data.batches import Batch
from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.training.regularizers.base import Regularizer
from cascade.training.regularizers.teaching import Teaching, teachable
from cascade.training.schedules import Step


@dataclass(kw_only=True)
class Forgetless(Regularizer):
    """Has old tasks say what they said, on new data: learning without forgetting (Li and Hoiem 2016, section 3).

    Adds strength * T^2 * KL(p_T || q_T) of the old model's p; see `Distillation`. In every step all old tasks are
    asked, whatever it trains, which needs no old data and no gold.

    Args:
        tasks: The old tasks; when empty, all that the teacher knows. Tasks that have no distribution over labels, such
            as `Reading` and `Reranking`, cannot be named, and are left out when none is.
        teacher: The folder of the old model; None: the model as it is when training begins. Then name the old `tasks`
            where another has been added.
        strength: Weight of the divergence.
        temperature: T.

    Raises:
        TrainingError: The temperature makes no sense.
    """

    tasks: Sequence[str] = ()
    teacher: str | Path | None = None
    strength: float = 1.0
    temperature: float = 2.0

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise TrainingError(f"regularizer Forgetless: temperature= has to be above 0, got {self.temperature}")

    def begin(self, model: CascadeModel, *, sweeps: bool) -> None:
        """Copy or load the teacher.

        Raises:
            TrainingError: It lacks a task or a label, or nothing can be taught.
            ModelError: The folder holds no model.
        """
        teacher = deepcopy(model) if self.teacher is None else storage.load(self.teacher)
        teacher.calibration = {}  # the model that is trained has none meanwhile
        name = f"regularizer Forgetless: {self.teacher or 'the old model'}"
        tasks = list(self.tasks) or [task for task in teachable(teacher) if task in model.graph.names()]
        if not tasks:
            raise TrainingError(f"{name} has no task of the graph with a distribution over labels: leave it out")
        self._teaching = Teaching(teacher, model, tasks, name)

    def reads(self, step: Step) -> Sequence[str]:
        """All old tasks."""
        return self._teaching.tasks

    def penalty(self, step: Step, batch: Batch, outputs: Mapping[str, Output]) -> Tensor:
        """The divergences of all old tasks."""
        return self.strength * self._teaching.loss(step.docs, outputs, self._teaching.tasks, self.temperature)

    def state_dict(self) -> dict[str, Tensor]:
        """The model as it was, unless it stands in a folder."""
        return self._teaching.teacher.state_dict() if self.teacher is None else {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take up the model as it was."""
        if self.teacher is None:
            self._teaching.teacher.load_state_dict(dict(state))
