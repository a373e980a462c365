"""One figure for a whole evaluation, by which the best model is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cascade.errors import TrainingError
from cascade.tasks.base import Task

Scores = Mapping[str, Mapping[str, Any]]
"""What each task's `score` gives, by task."""


def main_score(task: Task, scores: Mapping[str, Any]) -> tuple[str, float]:
    """The one figure that stands for a task: its `main_score`, else the first that it gives; 0 where spaCy has None."""
    key = task.main_score or next(iter(scores))
    return key, float(scores[key] or 0.0)


def total_score(scores: Scores, tasks: Mapping[str, Task], weights: Mapping[str, float]) -> float | None:
    """The figure of an evaluation.

    Args:
        scores: What each task's `score` gave.
        tasks: The tasks by name.
        weights: Weights by key of a score; without any, the mean of one main figure per task that counts.

    Returns:
        The weighted mean; None where nothing was scored, or nothing that counts.

    Raises:
        TrainingError: A weight is for a key that no task gives.
    """
    if not scores:
        return None
    if not weights:
        mains = [main_score(tasks[name], own)[1] for name, own in scores.items() if tasks[name].counts]
        return sum(mains) / len(mains) if mains else None
    given = {key: value for own in scores.values() for key, value in own.items()}
    unknown = sorted(set(weights) - set(given))
    if unknown:
        raise TrainingError(f"score_weights names {', '.join(unknown)}, but the tasks give {', '.join(sorted(given))}")
    return sum(w * float(given[key] or 0.0) for key, w in weights.items()) / sum(weights.values())
