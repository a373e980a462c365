"""The labels of a pipe: those of its model, and before it is initialized those that were added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spacy.tokens import Doc

from cascade.errors import LabelError
from cascade.model import CascadeModel

Added = dict[str, list[str]]
"""Labels that were added before initialization, by task, as people call them (see `Task.readable`)."""


def readable(module: CascadeModel, added: Added) -> Mapping[str, Sequence[str]]:
    """Labels by task as people call them."""
    if module.initialized:
        return {name: module.task(name).readable for name in module.graph.names()}
    return added


def vocabularies(module: CascadeModel, added: Added) -> dict[str, list[str]]:
    """Labels by task as decoders number them."""
    if module.initialized:
        return {name: list(labels) for name, labels in module.labels.items()}
    return {name: list(module.task(name).extended((), names)) for name, names in added.items()}


def collect(
    module: CascadeModel, docs: Sequence[Doc], added: Added, given: Mapping[str, list[str]]
) -> dict[str, list[str]]:
    """What `CascadeModel.initialize` is told: the labels that are given, else those of the Docs and the added ones."""
    found = {name: module.task(name).extended(module.task(name).labels(docs), names) for name, names in added.items()}
    return {name: list(labels) for name, labels in {**found, **given}.items()}


def add(module: CascadeModel, name: str, label: str, added: Added) -> bool:
    """Add a label to a task; whether it is a new one.

    Raises:
        LabelError: The model is initialized, so that its output layers have their sizes.
        NotImplementedError: The task has labels of its own.
    """
    if not module.task(name).extensible:
        raise NotImplementedError(f"task {name!r} takes no label {label!r}: it has labels of its own")
    if label in readable(module, added).get(name, ()):
        return False
    if module.initialized:
        raise LabelError(
            f"task {name!r} does not know the label {label!r} and is initialized, so that it takes no other: add the "
            "label to a new pipe, before nlp.initialize"
        )
    added.setdefault(name, []).append(label)
    return True
