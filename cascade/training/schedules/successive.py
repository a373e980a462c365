"""Task by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from cascade.training.batching import Batches
from cascade.training.history import History
from cascade.training.sampling.base import strangers
from cascade.training.schedules.base import Annotated, Schedule, Step


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

    def steps(
        self, corpora: Sequence[Annotated], tasks: Sequence[str], rng: np.random.Generator, history: History
    ) -> list[Step]:
        """One sweep a task, each with a shuffle of its own."""
        return [step for task in tasks for step in self._sweep(task, corpora, rng)]

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """Batches for what is no task."""
        return strangers("task_batches=", self.task_batches, tasks)

    def _sweep(self, task: str, corpora: Sequence[Annotated], rng: np.random.Generator) -> list[Step]:
        docs = [doc for corpus in corpora for doc, gold in corpus if task in gold]
        cut = self.task_batches.get(task, self.batches).cut(docs, rng)
        return [Step([docs[i] for i in b], (task,), task, number == len(cut)) for number, b in enumerate(cut, start=1)]
