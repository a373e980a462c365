"""Knowledge distillation: tasks learn from models that were trained for them alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from cascade import storage
from cascade.data.batches import Batch
from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.training.regularizers.base import Regularizer, total
from cascade.training.regularizers.teaching import Teaching
from cascade.training.schedules import Step


@dataclass(kw_only=True)
class Distillation(Regularizer):
    """Adds strength * T^2 * KL(p_T || q_T) of a teacher's p and the model's q (Hinton et al. 2015, section 2).

    The divergence is a mean per row. It is taken of the distribution over labels, and of a parser's heads too; labels
    that do not exclude each other have a distribution each. In a step, the tasks that it trains are taught, on all of
    its Docs, with gold or without. With single-task teachers and `epochs` this is BAM (Clark et al. 2019, section 3),
    but that gold counts in full from the beginning.

    Args:
        teachers: Model folders by task, such as `runs/pos/best`; one may teach several tasks.
        strength: Weight of the divergence, beside a task's own loss of weight 1.
        temperature: T; above 1, it also counts which of the wrong labels are less wrong.
        epochs: Epochs over which the strength falls linearly to 0 (teacher annealing); None: it stays.

    Raises:
        TrainingError: There is no teacher, or a number makes no sense.
    """

    teachers: Mapping[str, str | Path]
    strength: float = 1.0
    temperature: float = 2.0
    epochs: int | None = None

    def __post_init__(self) -> None:
        if not self.teachers:
            raise TrainingError("regularizer Distillation: no teacher, expected teachers={'TASK': 'MODEL FOLDER'}")
        if self.temperature <= 0 or (self.epochs is not None and self.epochs < 1):
            raise TrainingError(
                "regularizer Distillation: temperature= has to be above 0 and epochs= 1 or more, got "
                f"{self.temperature} and {self.epochs}"
            )

    def begin(self, model: CascadeModel, *, sweeps: bool) -> None:
        """Load every teacher once.

        Raises:
            TrainingError: A teacher lacks a task or a label, or the task has no distribution over labels.
            ModelError: A folder holds no model.
        """
        self._model = model
        taught: dict[str, list[str]] = {}
        for task, folder in self.teachers.items():
            taught.setdefault(str(folder), []).append(task)
        self._teachings = [
            Teaching(storage.load(folder), model, tasks, f"regularizer Distillation: {folder}")
            for folder, tasks in taught.items()
        ]

    def penalty(self, step: Step, batch: Batch, outputs: Mapping[str, Output]) -> Tensor:
        """The divergences of the tasks that the step trains."""
        share = 1.0 if self.epochs is None else max(0.0, 1 - self._model.epoch / self.epochs)
        if not share:
            return torch.zeros(())
        losses = (each.loss(step.docs, outputs, step.tasks, self.temperature) for each in self._teachings)
        return share * self.strength * total(losses)
