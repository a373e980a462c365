"""A run: one training, from its first update or from a checkpoint to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
from spacy.tokens import Doc

from cascade import storage
from cascade.errors import TrainingError
from cascade.evaluation import flatten, score_tasks
from cascade.model import CascadeModel
from cascade.training import processes
from cascade.training.checkpoints import Checkpoint
from cascade.training.fingerprint import require_same
from cascade.training.folder import RunFolder
from cascade.training.history import History
from cascade.training.plan import Plan, Position
from cascade.training.plots import draw_curves
from cascade.training.progress import Display
from cascade.training.randomness import generators, restore_generators
from cascade.training.schedules import Annotated, Schedule, Step
from cascade.training.scoring import Scores, main_score, total_score
from cascade.training.updates import Updates


class Run:
    """One training.

    Args:
        folder: Where everything goes that it writes.
        plan: How far it goes.
        schedule: The order of its steps.
        updates: What takes them.
        corpora: Training Docs and the tasks they have gold for.
        dev: Docs to evaluate on.
        identity: What makes it this run and no other.
        display: What shows it.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        plan: Plan,
        schedule: Schedule,
        updates: Updates,
        corpora: Sequence[Annotated],
        dev: Sequence[Doc],
        identity: Mapping[str, str],
        display: Display,
    ) -> None:
        self.folder, self.plan, self.schedule, self.updates = folder, plan, schedule, updates
        self.corpora, self.dev, self.identity, self.display = corpora, dev, identity, display
        self.position = Position()
        self.order = updates.model.graph.order()

    @property
    def model(self) -> CascadeModel:
        """The model that is evaluated and saved: the average where there is one."""
        average = self.updates.average
        return self.updates.model if average is None else cast(CascadeModel, average.module)

    def check(self) -> None:
        """Make sure that the run makes sense, before it writes anything.

        Raises:
            TrainingError: An epoch would have no step, or the gradient method nothing to do.
        """
        groups = self._groups(0, History(epochs=self.plan.epochs))
        if not groups:
            raise TrainingError(
                f"{type(self.schedule).__name__} finds nothing to train on: no training Doc has gold for a task "
                "that it trains; add a corpus that has, or have the schedule train other tasks"
            )
        self.updates.require_shared(groups)

    def go(self) -> None:
        """Train to the end."""
        with self.display.shown():
            while not self.plan.over(self.position):
                self._epoch()
        self._draw()

    def _draw(self) -> None:
        """Draw the curves; a training is not lost because of its picture."""
        if not processes.is_first():
            return
        try:
            if not draw_curves(self.folder.metrics.rows(), self.folder.curves):
                self.display.print("no curves drawn: they need matplotlib, pip install cascade-nlp[plots]")
        except OSError as error:
            self.display.print(f"no curves drawn: cannot write {self.folder.curves}: {error.strerror or error}")

    def _epoch(self) -> None:
        """Train to the end of the epoch, or until patience is at an end."""
        position = self.position
        if position.update == 0:
            position.evaluated = len(position.mains)
        groups = self._groups(position.epoch, self.history(of_epoch=True))
        self.updates.model.epoch = position.epoch
        self.display.start(position.epoch, position.update, len(groups))
        for steps in groups[position.update :]:
            progress = self.plan.progress(position, len(groups))
            self.updates.take(steps, self.history(), progress=progress, number=position.total + 1)
            position.advance(len(groups))
            self._tell_regularizers(steps[-1])
            if position.update == 0:
                self._end_epoch()
            self.display.advance()
            if self.plan.evaluates(position):
                self.evaluate()
            if self.plan.checkpoints(position):
                self.save()
            if self.plan.over(position):
                return

    def _groups(self, epoch: int, history: History) -> list[list[Step]]:
        """The batches of an epoch's updates."""
        steps = self.schedule.steps(self.corpora, self.order, np.random.default_rng([self.plan.seed, epoch]), history)
        return grouped(steps, self.plan.accumulate * processes.number())

    def _tell_regularizers(self, step: Step) -> None:
        for regularizer in self.updates.regularizers:
            if step.sweep is not None and step.ends_sweep:
                regularizer.end_sweep(step.sweep)
            if self.position.update == 0:
                regularizer.end_epoch()

    def _end_epoch(self) -> None:
        self.position.losses.append(self.updates.epoch_losses.means())
        self.updates.epoch_losses.clear()

    def history(self, *, of_epoch: bool = False) -> History:
        """What the run has seen.

        Args:
            of_epoch: Only what it had seen when the epoch began.
        """
        position = self.position
        mains = position.mains[: position.evaluated] if of_epoch else position.mains
        return History(epoch=position.epoch, epochs=self.plan.epochs, losses=position.losses, scores=mains)

    def evaluate(self) -> None:
        """Score the model on the dev Docs, log it, and save it if it is the best; without any score, the newest is."""
        position, scores = self.position, score_tasks(self.model, self.dev)
        total = total_score(scores, self._tasks(), self.plan.score_weights)
        better = total is None or position.best is None or total > position.best
        if better:
            position.best, position.stale, position.scores = total, 0, flatten(scores)
            self._keep(self.folder.best, scores)
        else:
            position.stale += 1
        row = self._row(scores, total)
        for task in position.improved(row["main"]):
            if self.plan.best_by_task:
                self._keep(self.folder.best_of(task), scores)
        if processes.is_first():
            self.folder.metrics.append(row)
        position.rows += 1
        position.mains.append(row["main"])
        self.updates.losses.clear()
        self.display.row(row, best=better)

    def _keep(self, folder: Path, scores: Scores) -> None:
        if processes.is_first():
            storage.save(self.model, folder, scores={"dev": flatten(scores)}, name=self.folder.path.name)

    def _row(self, scores: Scores, total: float | None) -> dict[str, Any]:
        """An evaluation, as the log has it."""
        tasks = self._tasks()
        mains = {name: main_score(tasks[name], own) for name, own in scores.items()}
        return {
            "epoch": self.position.epoch,
            "step": self.position.total,
            "losses": self.updates.losses.means(),
            "keys": {name: key for name, (key, _) in mains.items()},
            "main": {name: value for name, (_, value) in mains.items()},
            "score": total,
            "scores": scores,
        }

    def _tasks(self) -> dict[str, Any]:
        return {name: self.model.task(name) for name in self.order}

    def save(self) -> None:
        """Write a checkpoint, with what is random in every process."""
        own = processes.gathered(generators())
        plain = {
            "identity": dict(self.identity),
            "position": asdict(self.position),
            "losses": processes.tallied(self.updates.losses),
            "epoch_losses": processes.tallied(self.updates.epoch_losses),
            "random": [random for random, _ in own],
        }
        states = {f"{i}.{name}": state for i, (_, some) in enumerate(own) for name, state in some.items()}
        if processes.is_first():
            self.folder.checkpoints.save(Checkpoint(plain, {"random": states, **self.updates.tensors()}))

    def restore(self) -> None:
        """Take up the run that the folder holds.

        Raises:
            TrainingError: It is another one, or cannot be read.
        """
        checkpoint = self.folder.checkpoints.load()
        plain = checkpoint.plain
        require_same(plain["identity"], self.identity)
        for task in self.order:
            storage.put_back(self.folder.best_of(task))
        self.position = Position(**plain["position"])
        self.updates.restore(checkpoint.tensors)
        if processes.is_first():
            self.updates.losses.update(plain["losses"])
            self.updates.epoch_losses.update(plain["epoch_losses"])
            self.folder.metrics.truncate(self.position.rows)
        prefix = f"{processes.rank()}."
        states = {
            key.removeprefix(prefix): t for key, t in checkpoint.tensors["random"].items() if key.startswith(prefix)
        }
        restore_generators(plain["random"][processes.rank()], states)


def grouped(steps: Sequence[Step], size: int) -> list[list[Step]]:
    """Steps in groups of a size; a group ends where a sweep ends."""
    groups: list[list[Step]] = []
    for step in steps:
        if not groups or len(groups[-1]) == size or groups[-1][-1].ends_sweep:
            groups.append([])
        groups[-1].append(step)
    return groups
