"""Continual addition: a graph with one task more, or data of another kind, that begins with a trained model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from cascade.errors import TrainingError
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders.transformer import TransformerEncoder
from cascade.registry import graph_to_config, to_config
from cascade.training.corpus import Corpus

SHOWN = 8


def extend(
    model: CascadeModel, graph: TaskGraph, corpora: Sequence[Corpus], *, ignore_labels: bool = False
) -> CascadeModel:
    """A model of a larger or of the same graph that begins with the weights of a trained one.

    Encoder and old tasks have the weights, labels and calibration that they had, new tasks are initialized from the
    corpora, by torch's global generator: seed it before. The vocabulary of the encoder is not filled again. The encoder
    has to be as it was, but for its dropouts, and for a conditioning of new tasks, which may be added, or go on after
    the tasks of the old one.

    Args:
        model: The trained model; it stays as it is.
        graph: All tasks of the model, with the same settings and edges, and perhaps others.
        corpora: What the new model is to be trained on.
        ignore_labels: Whether the corpora may have labels that an old task does not know; rows that have one then count
            as rows without gold.

    Returns:
        The new model, initialized.

    Raises:
        TrainingError: The graph changes or lacks an old task, the encoder is another one or conditioned on an old task
            that it was not, a new task has no gold, or an old task finds labels that it does not know.
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
    made.calibration = dict(model.calibration)
    _take_over(model, made)
    return made


def _changes(before: TaskGraph, after: TaskGraph) -> Iterator[str]:
    """What of an old graph a new one changes, a sentence each."""
    old, new = _described(before), _described(after)
    if type(before.encoder) is not type(after.encoder):
        kinds = (type(each.encoder).__name__ for each in (before, after))
        yield "the encoder was {}, is {}: keep it".format(*kinds)
    else:
        yield from _encoder_changes(before, after)
    for name in before.names():
        if name not in after.names():
            yield f"the graph lacks the task {name!r}, which the model has: keep it"
            continue
        for part, settings in old[name].items():
            changed = _differences(settings, new[name][part])
            if changed:
                yield f"task {name!r}: other {part} than the model has: {'; '.join(changed)}: keep them"


def _encoder_changes(before: TaskGraph, after: TaskGraph) -> Iterator[str]:
    """What of the encoder's settings is other; see `extend` for what may be."""
    old, new = (_lasting(to_config(graph.encoder)) for graph in (before, after))
    conditioned, conditioning = old.get("conditioning"), new.get("conditioning")
    known, tasks = (own["tasks"] if own else [] for own in (conditioned, conditioning))
    anew = [task for task in tasks if task not in known and task in before.names()]
    if anew:
        yield f"the encoder is conditioned on {', '.join(anew)}, which the model has without: name new tasks only"
    if conditioning and conditioned:
        new["conditioning"] = {**conditioning, "tasks": tasks[: len(known)]}
    elif conditioning:
        new["conditioning"] = None
    changed = _differences(old, new)
    if changed:
        yield f"another encoder than the model has: {'; '.join(changed)}: keep its settings"


def _lasting(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config without what training alone heeds."""
    kept = {key: value for key, value in config.items() if not key.endswith("dropout")}
    return {key: _lasting(value) if isinstance(value, Mapping) else value for key, value in kept.items()}


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


def _take_over(model: CascadeModel, made: CascadeModel) -> None:
    """Copy what a model has into one that has all of it."""
    new = made.state_dict()
    made.load_state_dict({**new, **{name: _among(own, new[name]) for name, own in model.state_dict().items()}})
    encoder = made.encoder
    if isinstance(encoder, TransformerEncoder) and encoder.conditioner is not None:
        tasks = [name for name in encoder.conditions if name not in model.encoder.conditions]
        encoder.conditioner.begin([*encoder.blocks], tasks)


def _among(old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    """What a model has, before the rows of tasks that its conditioning has been given besides."""
    return old if old.shape == new.shape else torch.cat([old, new[len(old) :]])
