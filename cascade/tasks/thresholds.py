"""Tasks that predict what is above a threshold, and where it goes when probabilities are calibrated anew."""

from __future__ import annotations

from typing import TypeGuard

from cascade.nn.recalibration import Recalibration
from cascade.tasks.base import Task
from cascade.tasks.classification import TextClassification
from cascade.tasks.sentences import Sentences

Threshold = float | tuple[float, ...]


def decided(task: Task) -> TypeGuard[Sentences | TextClassification]:
    """Whether a task predicts what is above a threshold."""
    return isinstance(task, Sentences) or (isinstance(task, TextClassification) and not task.exclusive)


def moved(threshold: Threshold, old: Recalibration | None, new: Recalibration) -> Threshold:
    """Where a threshold goes when probabilities are calibrated anew, so that the same labels stay above it.

    Args:
        threshold: One for all labels or one for each.
        old: What calibrated the probabilities before; None where nothing did.
        new: What does now.
    """
    if isinstance(threshold, float | int):
        return new.chance(threshold if old is None else old.undone(threshold))
    return tuple(new.chance(own if old is None else old.undone(own)) for own in threshold)
