"""Which tasks a Doc carries gold for."""

from __future__ import annotations

from collections.abc import Iterable

from spacy.tokens import Doc

from cascade import docs as documents
from cascade.tasks.base import Task


def gold_tasks(doc: Doc, tasks: Iterable[Task]) -> tuple[str, ...]:
    """Names of the tasks that a Doc has gold for, in the order given; a Doc without words has none for its tokens."""
    empty = len(documents.tokens(doc)) == 0
    return tuple(t.name for t in tasks if not (empty and t.unit == "token") and t.targets(doc) is not None)
