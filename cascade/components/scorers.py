"""Scores of a pipe: what its tasks score, merged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from spacy.training import Example

from cascade.evaluation import gold_tasks
from cascade.tasks.base import Task

Scorer = Callable[..., dict[str, Any]]


def make_scorer() -> Scorer:
    """The scorer of every cascade pipe."""
    return score


def score(examples: Iterable[Example], *, tasks: Sequence[Task], **_: Any) -> dict[str, Any]:
    """Score tasks, each on the examples that have gold for it.

    Args:
        examples: Predicted and gold Docs.
        tasks: The tasks in graph order.
        _: What spaCy hands to every scorer.

    Returns:
        The scores of all tasks, by spaCy's keys; of two tasks that share a key, those of the later one.
    """
    examples = list(examples)
    known = [gold_tasks(example.reference, tasks) for example in examples]
    scores: dict[str, Any] = {}
    for task in tasks:
        scored = [example for example, names in zip(examples, known, strict=True) if task.name in names]
        scores |= task.score(scored or examples)
    return scores
