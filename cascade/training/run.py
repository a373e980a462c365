"""A run: one training, from its first update or from a checkpoint to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

import numpy as np
from spacy.tokens import Doc

from cascade import storage
from cascade.evaluation import flatten, score_tasks
from cascade.model import CascadeModel
from cascade.training.checkpoints import Checkpoint
from cascade.training.fingerprint import require_same
from cascade.training.folder import RunFolder
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

    def go(self) -> None:
        """Train to the end."""
        with self.display.shown():
            while not self.plan.over(self.position):
                self._epoch()
        self._draw()

    def _draw(self) -> None:
        """Draw the curves; a training is not lost because of its picture."""
        try:
            if not draw_curves(self.folder.metrics.rows(), self.folder.curves):
                self.display.print("no curves drawn: they need matplotlib, pip install cascade-nlp[plots]")
        except OSError as error:
            self.display.print(f"no curves drawn: cannot write {self.folder.curves}: {error.strerror or error}")

    def _epoch(self) -> None:
        """Train to the end of the epoch, or until patience is at an end."""
        position = self.position
        rng = np.random.default_rng([self.plan.seed, position.epoch])
        groups = grouped(self.schedule.steps(self.corpora, self.order, rng), self.plan.accumulate)
        self.updates.model.epoch = position.epoch
        self.display.start(position.epoch, position.update, len(groups))
        for steps in groups[position.update :]:
            progress = self.plan.progress(position, len(groups))
            self.updates.take(steps, epoch=position.epoch, progress=progress, number=position.total + 1)
            position.advance(len(groups))
            self._tell_regularizers(steps[-1])
            self.display.advance()
            if self.plan.evaluates(position):
                self.evaluate()
            if self.plan.checkpoints(position):
                self.save()
            if self.plan.over(position):
                return

    def _tell_regularizers(self, step: Step) -> None:
        for regularizer in self.updates.regularizers:
            if step.sweep is not None and step.ends_sweep:
                regularizer.end_sweep(step.sweep)
            if self.position.update == 0:
                regularizer.end_epoch()

    def evaluate(self) -> None:
        """Score the model on the dev Docs, log it, and save it if it is the best; without any score, the newest is."""
        position, scores = self.position, score_tasks(self.model, self.dev)
        total = total_score(scores, self._tasks(), self.plan.score_weights)
        better = total is None or position.best is None or total > position.best
        if better:
            position.best, position.stale, position.scores = total, 0, flatten(scores)
            storage.save(self.model, self.folder.best, scores={"dev": position.scores}, name=self.folder.path.name)
        else:
            position.stale += 1
        row = self._row(scores, total)
        self.folder.metrics.append(row)
        position.rows += 1
        self.updates.losses.clear()
        self.display.row(row, best=better)

    def _row(self, scores: Scores, total: float | None) -> dict[str, Any]:
        """An evaluation, as the log has it."""
        tasks = self._tasks()
        mains = {name: main_score(tasks[name], own) for name, own in scores.items()}
        return {
            "epoch": self.position.epoch,
            "step": self.position.total,
            "losses": {name: total / number for name, (total, number) in self.updates.losses.items()},
            "keys": {name: key for name, (key, _) in mains.items()},
            "main": {name: value for name, (_, value) in mains.items()},
            "score": total,
            "scores": scores,
        }

    def _tasks(self) -> dict[str, Any]:
        return {name: self.model.task(name) for name in self.order}

    def save(self) -> None:
        """Write a checkpoint."""
        random, states = generators()
        plain = {
            "identity": dict(self.identity),
            "position": asdict(self.position),
            "losses": self.updates.losses,
            "random": random,
        }
        self.folder.checkpoints.save(Checkpoint(plain, {"random": states, **self.updates.tensors()}))

    def restore(self) -> None:
        """Take up the run that the folder holds.

        Raises:
            TrainingError: It is another one, or cannot be read.
        """
        checkpoint = self.folder.checkpoints.load()
        plain = checkpoint.plain
        require_same(plain["identity"], self.identity)
        self.position = Position(**plain["position"])
        self.updates.restore(checkpoint.tensors)
        self.updates.losses.update(plain["losses"])
        self.folder.metrics.truncate(self.position.rows)
        restore_generators(plain["random"], checkpoint.tensors["random"])


def grouped(steps: Sequence[Step], size: int) -> list[list[Step]]:
    """Steps in groups of a size; a group ends where a sweep ends."""
    groups: list[list[Step]] = []
    for step in steps:
        if not groups or len(groups[-1]) == size or groups[-1][-1].ends_sweep:
            groups.append([])
        groups[-1].append(step)
    return groups
