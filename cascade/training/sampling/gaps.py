"""Tasks that are far from what they could reach are drawn more often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cascade.errors import TrainingError
from cascade.training.history import History
from cascade.training.sampling.base import Sampling, normalized, strangers


@dataclass(frozen=True, kw_only=True)
class GapDriven(Sampling):
    """Draws a task by its gap to single-task training: dynamic sampling (Gottumukkala et al. 2020, dynamic sampling).

    p_i = g_i / sum_j g_j, with g_i = max(goal_i - s_i, 0) and s_i the task's main score in the last evaluation: a task
    that has reached its goal rests until it falls behind. All alike before the first evaluation, and when all rest.

    Args:
        goals: The main score of single-task training by task, above 0 and up to 1; for every task.
    """

    goals: Mapping[str, float]

    def shares(self, sizes: Mapping[str, int], history: History) -> dict[str, float]:
        """The gaps, as shares.

        Raises:
            TrainingError: The last evaluation did not score a task.
        """
        if not history.scores:
            return normalized(dict.fromkeys(sizes, 1.0))
        scores = history.scores[-1]
        unscored = ", ".join(task for task in sizes if task not in scores)
        if unscored:
            raise TrainingError(f"GapDriven goes by scores, but {unscored} has none: add dev Docs with gold for it")
        return normalized({task: max(self.goals[task] - scores[task], 0.0) for task in sizes})

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """A goal that is missing, of no task, or out of range."""
        problems = strangers("goals=", self.goals, tasks)
        problems += [
            f"goals= lacks {task}: give the score that it reaches alone" for task in tasks if task not in self.goals
        ]
        return problems + [
            f"goals= have to be above 0 and up to 1, got {task}={goal}"
            for task, goal in self.goals.items()
            if not 0 < goal <= 1
        ]
