"""What a schedule is: it says which Docs and which tasks every step of an epoch is about."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from spacy.tokens import Doc

from cascade.training.batching import Batches
from cascade.training.history import History

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

    Whatever is random comes from the generator, which the trainer seeds by epoch, and all else from what the run has
    seen until the epoch began: so the steps of an epoch can be listed again, and a resumed run skips those that it has
    taken.
    """

    batches: Batches
    """How Docs become batches."""
    sweeps: ClassVar[bool]
    """Whether an epoch goes task by task."""

    @abstractmethod
    def steps(
        self, corpora: Sequence[Annotated], tasks: Sequence[str], rng: np.random.Generator, history: History
    ) -> list[Step]:
        """The steps of one epoch.

        Args:
            corpora: The training Docs.
            tasks: All tasks in graph order.
            rng: Source of everything random.
            history: What the run had seen when the epoch began.
        """

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """Why it cannot work, a sentence each; none by default.

        Args:
            tasks: All tasks in graph order.
            within_epochs: Whether the model is evaluated within epochs, and not only at their ends.
        """
        return []
