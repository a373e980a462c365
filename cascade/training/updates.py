"""One update of the weights: losses, penalties, gradients, clipping, learning rates, the moving average."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training.optimizers import Optimizer
from cascade.training.regularizers import Regularizer
from cascade.training.schedules import Step


@dataclass(kw_only=True)
class Updates:
    """Takes the steps of a run.

    Args:
        model: The model that is trained.
        accelerator: Device and precision.
        spec: The optimizer's specification.
        optimizer: What it has built.
        regularizers: Penalties.
        average: The weights' moving average, if there is one.
        clip: Largest norm of the gradient; None: any.
        clips: The same for steps of a task's sweep, by task.
        rates: Factors of the learning rate; see `Optimizer.adjust`.
        joins: Share of the training after which a task's loss counts, by task; from the beginning for all others.
    """

    model: CascadeModel
    accelerator: Accelerator
    spec: Optimizer
    optimizer: torch.optim.Optimizer
    regularizers: Sequence[Regularizer]
    average: AveragedModel | None
    clip: float | None
    clips: Mapping[str, float]
    rates: Mapping[str, float]
    joins: Mapping[str, float]
    losses: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))
    """Sum and number of the losses of every task since the last evaluation."""

    def take(self, steps: Sequence[Step], *, epoch: int, progress: float, number: int) -> None:
        """Update the weights once.

        Args:
            steps: Batches whose gradients are averaged; of one sweep, if of any.
            epoch: Epoch, from 0.
            progress: Share of the whole training that lies behind, from 0 to 1.
            number: Of the update in the run, for error messages.

        Raises:
            TrainingError: A loss is not finite.
        """
        self.optimizer.zero_grad(set_to_none=True)
        for step in steps:
            total = self._objective(step, progress, number)
            if total is not None:
                self.accelerator.backward(total / len(steps))
        self.spec.adjust(self.optimizer, steps[0], self.rates, epoch=epoch, progress=progress)
        limit = self.clip if steps[0].sweep is None else self.clips.get(steps[0].sweep, self.clip)
        if limit is not None:
            self.accelerator.clip_grad_norm_(self.model.parameters(), limit)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.model)

    def _objective(self, step: Step, progress: float, number: int) -> Tensor | None:
        """Losses and penalties of a batch; None if it has no gold after all. Shape: []."""
        tasks = [name for name in step.tasks if self.joins.get(name, 0.0) <= progress]
        batch = self.model.batch(step.docs, targets=self._read(tasks))
        with self.accelerator.autocast():
            losses = self.model.losses(batch, tasks)
        if not losses:
            return None
        stacked = torch.stack(list(losses.values()))
        self._count(dict(zip(losses, stacked.detach().tolist(), strict=True)), number)
        return stacked.sum() + sum(r.penalty(step.tasks) for r in self.regularizers)

    def _read(self, tasks: Sequence[str]) -> list[str]:
        """The tasks whose gold is read: those that are trained, and upstream ones, whose edges may carry gold."""
        wanted = {*tasks, *self.model.graph.ancestors(tasks)}
        return [name for name in self.model.graph.order() if name in wanted]

    def _count(self, values: Mapping[str, float], number: int) -> None:
        for task, value in values.items():
            if not math.isfinite(value):
                raise TrainingError(
                    f"the loss of task {task!r} is {value} at update {number}: lower the learning rate, clip the "
                    "gradient (clip=), or look for Docs whose gold cannot be right"
                )
            self.losses[task][0] += value
            self.losses[task][1] += 1.0

    def tensors(self) -> dict[str, Mapping[str, Tensor]]:
        """What a checkpoint has to keep, in named sets."""
        states = self.optimizer.state_dict()["state"]
        moments = {f"{i}.{name}": v for i, own in states.items() for name, v in own.items() if isinstance(v, Tensor)}
        sets: dict[str, Mapping[str, Tensor]] = {"model": self.model.state_dict(), "optimizer": moments}
        if self.average is not None:
            sets["average"] = self.average.state_dict()
        return sets | {f"regularizer{i}": r.state_dict() for i, r in enumerate(self.regularizers)}

    def restore(self, sets: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take up what `tensors` gave."""
        self.model.load_state_dict(dict(sets["model"]))
        if self.average is not None:
            self.average.load_state_dict(dict(sets["average"]))
        states: dict[int, dict[str, Tensor]] = defaultdict(dict)
        for key, tensor in sets["optimizer"].items():
            place, name = key.split(".", 1)
            states[int(place)][name] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": dict(states)})
        for i, regularizer in enumerate(self.regularizers):
            regularizer.load_state_dict(sets[f"regularizer{i}"])
