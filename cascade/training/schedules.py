"""Schedules: which Docs and which tasks every step of an epoch is about."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from spacy.tokens import Doc

from cascade.training.batching import Batches

Annotated = Sequence[tuple[Doc, tuple[str, ...]]]
"""Training Docs, each with the names of the tasks that it has gold for."""


@dataclass(frozen=True)
class Step:
    """One batch.

    Args:
        docs: Its Docs.
        tasks: Tasks whose losses it gives, in graph order.
        sweep: The task whose sweep the step is part of; None where the schedule does not go task by task.
        ends_sweep: Whether it is the last step of that sweep.
    """

    docs: Sequence[Doc]
    tasks: tuple[str, ...]
    sweep: str | None = None
    ends_sweep: bool = False


class Schedule(ABC):
    """The order of an epoch.

    Whatever is random comes from the generator, which the trainer seeds by epoch: so the steps of an epoch can be
    listed again, and a resumed run skips those that it has taken.
    """

    sweeps: ClassVar[bool]
    """Whether an epoch goes task by task."""

    @abstractmethod
    def steps(self, corpora: Sequence[Annotated], tasks: Sequence[str], rng: np.random.Generator) -> list[Step]:
        """The steps of one epoch.

        Args:
            corpora: The training Docs.
            tasks: All tasks in graph order.
            rng: Source of everything random.
        """


@dataclass(frozen=True, kw_only=True)
class Successive(Schedule):
    """Task by task in graph order, each over all Docs that have gold for it (Hashimoto et al. 2017, section 3.7).

    Args:
        batches: How Docs become batches.
        task_batches: The same for some of the tasks, by name.
    """

    batches: Batches = Batches(docs=25)
    task_batches: Mapping[str, Batches] = field(default_factory=dict)

    sweeps: ClassVar[bool] = True

    def steps(self, corpora: Sequence[Annotated], tasks: Sequence[str], rng: np.random.Generator) -> list[Step]:
        """One sweep a task, each with a shuffle of its own."""
        return [step for task in tasks for step in self._sweep(task, corpora, rng)]

    def _sweep(self, task: str, corpora: Sequence[Annotated], rng: np.random.Generator) -> list[Step]:
        docs = [doc for corpus in corpora for doc, gold in corpus if task in gold]
        cut = self.task_batches.get(task, self.batches).cut(docs, rng)
        return [Step([docs[i] for i in b], (task,), task, number == len(cut)) for number, b in enumerate(cut, start=1)]


@dataclass(frozen=True, kw_only=True)
class Joint(Schedule):
    """All tasks at once: a batch carries the losses of every task that its Docs have gold for.

    Every batch comes from one corpus. The batches of all corpora are shuffled, so that corpora are drawn in proportion
    to their sizes and every Doc comes once an epoch; Docs without any gold are left out.

    Args:
        batches: How Docs become batches.
    """

    batches: Batches = Batches(words=1000)

    sweeps: ClassVar[bool] = False

    def steps(self, corpora: Sequence[Annotated], tasks: Sequence[str], rng: np.random.Generator) -> list[Step]:
        """The batches of all corpora, shuffled."""
        steps = []
        for corpus in corpora:
            known = [(doc, gold) for doc, gold in corpus if gold]
            for batch in self.batches.cut([doc for doc, _ in known], rng):
                present = {name for i in batch for name in known[i][1]}
                steps.append(Step([known[i][0] for i in batch], tuple(t for t in tasks if t in present)))
        return [steps[i] for i in rng.permutation(len(steps))]
