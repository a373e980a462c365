"""Continual addition: a graph with one task more, or data of another kind, that begins with a trained model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from cascade.errors import TrainingError
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.registry import graph_to_config
from cascade.training.corpus import Corpus

SHOWN = 8


def extend(
    model: CascadeModel, graph: TaskGraph, corpora: Sequence[Corpus], *, ignore_labels: bool = False
) -> CascadeModel:
    """A model of a larger or of the same graph that begins with the weights of a trained one.

    Encoder and old tasks have the weights and labels that they had, new tasks are initialized from the corpora. The
    vocabulary of the encoder is not filled again. The encoder may have parts that it lacked, such as adapters for the
    new task; all that it had has to be there.

    Args:
        model: The trained model; it stays as it is.
        graph: All tasks of the model, with the same settings and edges, and perhaps others.
        corpora: What the new model is to be trained on.
        ignore_labels: Whether the corpora may have labels that an old task does not know; rows that have one then count
            as rows without gold.

    Returns:
        The new model, initialized.

    Raises:
        TrainingError: The graph changes or lacks an old task, the encoder is another one, a new task has no gold, or
            an old task finds labels that it does not know.
        GraphError: The graph cannot work.
    """
    made = CascadeModel(graph)
    problems = [*_changes(model.graph, made.graph)]
    if problems:
        raise TrainingError("\n".join(problems))
    docs = [doc for corpus in corpora for doc in corpus.train]
    found = {name: made.task(name).labels(docs) for name in made.graph.order()}
    problems = [] if ignore_labels else [*_unknown(model, found)]
    bare = [name for name, labels in found.items() if name not in model.graph and not labels]
    if bare:
        names = ", ".join(repr(corpus.name) for corpus in corpora) or "none"
        problems.append(f"no training Doc has gold for the new {', '.join(bare)} (corpora: {names}): add a corpus")
    if problems:
        raise TrainingError("\n".join(problems))
    made.build({**found, **model.labels}, assets=model.encoder.assets() or None)
    made.lang = model.lang
    _take_over(model.state_dict(), made)
    return made


def _changes(before: TaskGraph, after: TaskGraph) -> Iterator[str]:
    """What of an old graph a new one changes, a sentence each."""
    old, new = _described(before), _described(after)
    if type(before.encoder) is not type(after.encoder):
        kinds = (type(each.encoder).__name__ for each in (before, after))
        yield "the encoder was {}, is {}: keep it".format(*kinds)
    for name in before.names():
        if name not in after.names():
            yield f"the graph lacks the task {name!r}, which the model has: keep it"
            continue
        for part, settings in old[name].items():
            changed = _differences(settings, new[name][part])
            if changed:
                yield f"task {name!r}: other {part} than the model has: {'; '.join(changed)}: keep them"


def _described(graph: TaskGraph) -> dict[str, dict[str, Any]]:
    """Settings and edges by task."""
    config = graph_to_config(graph)
    return {name: {"settings": task, "edges": config["edges"].get(name, {})} for name, task in config["tasks"].items()}


def _differences(before: Any, after: Any, where: str = "") -> list[str]:
    """Where two configs differ, each as `key was x, is y`."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = dict.fromkeys([*before, *after])
        parts = [_differences(before.get(key, "absent"), after.get(key, "absent"), f"{where}.{key}") for key in keys]
        return [difference for part in parts for difference in part]
    return [] if before == after else [f"{where.lstrip('.')} was {before}, is {after}"]


def _unknown(model: CascadeModel, found: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Labels that old tasks do not know."""
    for name, known in model.labels.items():
        strange = [label for label in found[name] if label not in set(known)]
        if strange:
            more = f" and {len(strange) - SHOWN} more" if len(strange) > SHOWN else ""
            yield (
                f"task {name!r}: the corpora have labels that the model does not know: {', '.join(strange[:SHOWN])}"
                f"{more}; map them to those it knows, or pass over them with ignore_labels=True (--ignore-labels)"
            )


def _take_over(old: Mapping[str, torch.Tensor], made: CascadeModel) -> None:
    """Copy what a model has into one that has all of it."""
    new = made.state_dict()
    problems = [f"{name} is gone" for name in old if name not in new]
    problems += [
        f"{name} had the shape {tuple(tensor.shape)}, has {tuple(new[name].shape)}"
        for name, tensor in old.items()
        if name in new and tensor.shape != new[name].shape
    ]
    if problems:
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise TrainingError(
            f"the weights of the model do not fit into the new one: {'; '.join(problems[:SHOWN])}{more}: keep the "
            "settings of the encoder"
        )
    made.load_state_dict({**new, **old})
