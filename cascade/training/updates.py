"""One update of the weights: losses, weights, penalties, gradients, clipping, rates, the moving average."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from cascade.data.batches import Batch
from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.training import processes
from cascade.training.freezing import Frozen
from cascade.training.gradients import Flow, require_shared
from cascade.training.history import History
from cascade.training.observing import Observer, undisturbed
from cascade.training.optimizers import Optimizer
from cascade.training.regularizers import Regularizer
from cascade.training.regularizers.base import total
from cascade.training.schedules import Step
from cascade.training.unfreezing import Unfreezing
from cascade.training.weighting import Weighting


class Means(dict[str, list[float]]):
    """Sum and number of some values by name."""

    def add(self, name: str, value: float) -> None:
        """Count a value in."""
        total, number = self.get(name, (0.0, 0.0))
        self[name] = [total + value, number + 1.0]

    def means(self) -> dict[str, float]:
        """The means by name, over all processes."""
        return {name: total / number for name, (total, number) in processes.tallied(self).items()}


@dataclass(kw_only=True)
class Updates:
    """Takes the steps of a run.

    Args:
        model: The model that is trained.
        accelerator: Device and precision.
        spec: The optimizer's specification.
        optimizer: What it has built.
        weighting: What the losses count for.
        flow: From losses to gradients.
        regularizers: Penalties.
        average: The weights' moving average, if there is one.
        clip: Largest norm of the gradient; None: any.
        clips: The same for steps of a task's sweep, by task.
        rates: Factors of the learning rate; see `Optimizer.adjust`.
        joins: Share of the training after which a task's loss counts, by task; from the beginning for all others. A
            batch none of whose tasks has joined changes nothing: it has no penalties either.
        join_warmup: Share of the training in which the loss of such a task rises to its full weight.
        unfreezing: When the encoder's layers are trained; all from the beginning when None.
        frozen: What is not trained at all, if anything.
        observers: Who looks on; in the first process alone.
    """

    model: CascadeModel
    accelerator: Accelerator
    spec: Optimizer
    optimizer: torch.optim.Optimizer
    weighting: Weighting
    flow: Flow
    regularizers: Sequence[Regularizer]
    average: AveragedModel | None
    clip: float | None
    clips: Mapping[str, float]
    rates: Mapping[str, float]
    joins: Mapping[str, float]
    join_warmup: float = 0.0
    unfreezing: Unfreezing | None = None
    frozen: Frozen | None = None
    observers: Sequence[Observer] = ()
    losses: Means = field(default_factory=Means)
    """Losses since the last evaluation."""
    epoch_losses: Means = field(default_factory=Means)
    """Losses of this epoch."""

    def take(self, steps: Sequence[Step], history: History, *, progress: float, number: int) -> None:
        """Update the weights once.

        Args:
            steps: Batches whose gradients are averaged, all processes' together; of one sweep, if of any.
            history: What the run has seen so far.
            progress: Share of the whole training that lies behind, from 0 to 1.
            number: Of the update in the run, from 1.

        Raises:
            TrainingError: A loss is not finite.
        """
        self.optimizer.zero_grad(set_to_none=True)
        if self.unfreezing is not None:
            self.unfreezing.freeze(self.optimizer, history.epoch)
        if self.frozen is not None:
            self.frozen.hold()
        self._show(number)
        for step in processes.own(steps):
            self._add(step, history, progress, number, share=1 / len(steps))
        self.flow.finish()
        self.spec.adjust(self.optimizer, steps[0], self.rates, epoch=history.epoch, progress=progress)
        if self.unfreezing is not None:
            self.unfreezing.adjust(self.optimizer)
        limit = self.clip if steps[0].sweep is None else self.clips.get(steps[0].sweep, self.clip)
        if limit is not None:
            self.accelerator.clip_grad_norm_(self.model.parameters(), limit)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.model)

    def _show(self, number: int) -> None:
        if self.observers and processes.is_first():
            with undisturbed():
                for observer in self.observers:
                    observer.observe(self.model, lambda step: self._forward(step)[2], number)

    def _add(self, step: Step, history: History, progress: float, number: int, *, share: float) -> None:
        """Losses and penalties of a batch, which may have no gold after all."""
        step = replace(step, tasks=tuple(name for name in step.tasks if self.joins.get(name, 0.0) <= progress))
        batch, outputs, losses = self._forward(step)
        if not losses:
            return
        self._count(losses, number)
        penalty = total(regularizer.penalty(step, batch, outputs) for regularizer in self.regularizers)
        weighed = self.weighting.weigh(losses, history)
        self.flow.add({task: self._risen(task, progress) * loss for task, loss in weighed.items()}, penalty, share)

    def _forward(self, step: Step) -> tuple[Batch, dict[str, Output], dict[str, Tensor]]:
        batch = self.model.batch(step.docs, targets=self._read(step.tasks))
        wanted = [name for name in step.tasks if name in batch.targets]
        with self.accelerator.autocast():
            outputs = self.model(batch, [*wanted, *self._asked(step)]) if wanted else {}
            return batch, outputs, self.model.losses(batch, wanted, outputs)

    def _asked(self, step: Step) -> list[str]:
        """Tasks that regularizers want to see."""
        return [name for regularizer in self.regularizers for name in regularizer.reads(step)]

    def require_shared(self, updates: Iterable[Sequence[Step]]) -> None:
        """Make sure that the gradient method has something to do.

        Args:
            updates: The batches of an epoch's updates.

        Raises:
            TrainingError: It has not; see `cascade.training.gradients.require_shared`.
        """
        require_shared(self.flow.method, self.flow.parameters, updates, lambda step: self._forward(step)[2])

    def _risen(self, task: str, progress: float) -> float:
        """What a task's loss counts for that has joined the others."""
        if task not in self.joins or not self.join_warmup:
            return 1.0
        return min((progress - self.joins[task]) / self.join_warmup, 1.0)

    def _read(self, tasks: Sequence[str]) -> list[str]:
        """The tasks whose gold is read: those that are trained, and upstream ones, whose edges may carry gold."""
        wanted = {*tasks, *self.model.graph.ancestors(tasks)}
        return [name for name in self.model.graph.order() if name in wanted]

    def _count(self, losses: Mapping[str, Tensor], number: int) -> None:
        values = torch.stack(list(losses.values())).tolist()
        for task, value in zip(losses, values, strict=True):
            if not math.isfinite(value):
                raise TrainingError(
                    f"the loss of task {task!r} is {value} at update {number}: lower the learning rate, clip the "
                    "gradient (clip=), or look for Docs whose gold cannot be right"
                )
            self.losses.add(task, value)
            self.epoch_losses.add(task, value)

    def release(self) -> None:
        """Let all layers of the encoder need gradients again."""
        if self.unfreezing is not None:
            self.unfreezing.release(self.optimizer)

    def tensors(self) -> dict[str, Mapping[str, Tensor]]:
        """What a checkpoint has to keep, in named sets."""
        states = self.optimizer.state_dict()["state"]
        moments = {f"{i}.{name}": v for i, own in states.items() for name, v in own.items() if isinstance(v, Tensor)}
        sets: dict[str, Mapping[str, Tensor]] = {
            "model": self.model.state_dict(),
            "optimizer": moments,
            "weighting": self.weighting.state_dict(),
        }
        if self.average is not None:
            sets["average"] = self.average.state_dict()
        return sets | {f"regularizer{i}": r.state_dict() for i, r in enumerate(self.regularizers)}

    def restore(self, sets: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take up what `tensors` gave."""
        self.model.load_state_dict(dict(sets["model"]))
        self.weighting.load_state_dict(sets["weighting"])
        if self.average is not None:
            self.average.load_state_dict(dict(sets["average"]))
        states: dict[int, dict[str, Tensor]] = defaultdict(dict)
        for key, tensor in sets["optimizer"].items():
            place, name = key.split(".", 1)
            states[int(place)][name] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": dict(states)})
        for i, regularizer in enumerate(self.regularizers):
            regularizer.load_state_dict(sets[f"regularizer{i}"])
