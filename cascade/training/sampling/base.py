"""What a sampling is: it says how often every task is drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from cascade.training.history import History


class Sampling(ABC):
    """How often every task is drawn in an epoch.

    All of it follows from the sizes and from what the run had seen when the epoch began, so that nothing has to be kept
    for a run that is resumed.
    """

    @abstractmethod
    def shares(self, sizes: Mapping[str, int], history: History) -> dict[str, float]:
        """The shares of the tasks in the draws of an epoch.

        Args:
            sizes: How many batches the Docs make that have gold for a task, by task in graph order; 1 or more.
            history: What the run had seen when the epoch began.

        Returns:
            Chances by the same names; they sum to 1.
        """

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """Why it cannot work, a sentence each; none by default.

        Args:
            tasks: All tasks in graph order.
            within_epochs: Whether the model is evaluated within epochs, and not only at their ends.
        """
        return []


def normalized(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights divided by their sum; equal shares where all are 0."""
    total = sum(weights.values())
    return {task: weight / total if total else 1 / len(weights) for task, weight in weights.items()}


def strangers(setting: str, names: Iterable[str], tasks: Sequence[str]) -> list[str]:
    """A sentence for every name in a setting that is no task's."""
    return [f"{setting} names {name}, but the graph has {', '.join(tasks)}" for name in names if name not in tasks]
