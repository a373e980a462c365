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

    A task without a goal, such as an auxiliary one, which has no score, keeps the share that it has when all are alike.

    Args:
        goals: The main score of single-task training by task, above 0 and up to 1; for one task at least.
    """

    goals: Mapping[str, float]

    def shares(self, sizes: Mapping[str, int], history: History) -> dict[str, float]:
        """The gaps, as shares.

        Raises:
            TrainingError: The last evaluation did not score a task that has a goal.
        """
        if not history.scores:
            return normalized(dict.fromkeys(sizes, 1.0))
        scores, driven = history.scores[-1], [task for task in sizes if task in self.goals]
        unscored = ", ".join(task for task in driven if task not in scores)
        if unscored:
            raise TrainingError(
                f"GapDriven goes by scores, but {unscored} has none: add dev Docs with gold for it, or take it out of "
                "goals="
            )
        gaps = normalized({task: max(self.goals[task] - scores[task], 0.0) for task in driven})
        return {task: gaps[task] * len(driven) / len(sizes) if task in gaps else 1 / len(sizes) for task in sizes}

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """Goals of no task, out of range, or none at all."""
        problems = strangers("goals=", self.goals, tasks)
        if not self.goals:
            problems.append("goals= is empty: give the score that a task reaches alone")
        return problems + [
            f"goals= have to be above 0 and up to 1, got {task}={goal}"
            for task, goal in self.goals.items()
            if not 0 < goal <= 1
        ]
