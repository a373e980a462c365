"""All tasks at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cascade.training.batching import Batches
from cascade.training.history import History
from cascade.training.schedules.base import Annotated, Schedule, Step


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

    def steps(
        self, corpora: Sequence[Annotated], tasks: Sequence[str], rng: np.random.Generator, history: History
    ) -> list[Step]:
        """The batches of all corpora, shuffled."""
        steps = []
        for corpus in corpora:
            known = [(doc, gold) for doc, gold in corpus if gold]
            for batch in self.batches.cut([doc for doc, _ in known], rng):
                present = {name for i in batch for name in known[i][1]}
                steps.append(Step([known[i][0] for i in batch], tuple(t for t in tasks if t in present)))
        return [steps[i] for i in rng.permutation(len(steps))]
