"""Single-task baselines: the config of a cascade, cut down to that of one of its tasks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from confection import Config

from cascade.config import model_from_config
from cascade.errors import ConfigError
from cascade.graph import Edge, Recurrent, Segments, TaskGraph
from cascade.registry import from_config, graph_to_config
from cascade.tasks import Task
from cascade.tasks.checks import problems

SEVERAL = ("gradients", "weighting", "score_weights")
"""Settings of the trainer that weigh tasks against each other."""


def scored(graph: TaskGraph) -> list[str]:
    """The tasks that have a baseline: all that are not only there to be trained."""
    tasks = {name: graph.task(name) for name in graph.order()}
    return [name for name, task in tasks.items() if task.counts and not task.auxiliary]


def alone(graph: TaskGraph, name: str) -> TaskGraph:
    """The graph of a task's baseline.

    It is the task without its edges, but for those that tell it where sentences end, and the tasks that say so. A task
    that cannot be without others, such as one that judges what another has found, keeps all that is upstream of it.

    Args:
        graph: The cascade.
        name: Name of the task.

    Raises:
        GraphError: There is no such task.
    """
    segments = {
        down: {up: own for up, edges in graph.edges_into(down).items() if (own := _segments(edges))}
        for down in graph.closure([name]).order()
    }
    wanted = [name]
    for task in wanted:
        wanted += [up for up in segments[task] if up not in wanted]
    part = TaskGraph(encoder=graph.encoder)
    for task in graph.order():
        if task in wanted:
            part.add(_fed(graph.task(task)), after=segments[task])
    return graph.closure([name]) if problems(part) or graph.task(name).misplaced(part) else part


def _fed(task: Task) -> Task:
    """The task; its recurrent layer reads the encoder if it has so far read other tasks alone."""
    return replace(task, layer=replace(task.layer, shortcut=True)) if isinstance(task.layer, Recurrent) else task


def _segments(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    return tuple(edge for edge in edges if isinstance(edge, Segments))


def single(config: Config, task: str) -> Config:
    """The config of a task's baseline: same encoder, same data, same settings.

    Other tasks are taken out, see `alone`, and what settings say of them, and regularizers that are about them; the
    towers of a sluice network stay, since they are the encoder. Weighting, gradient method and score
    weights are the default ones, and so is a schedule's sampling, since there is nothing left to weigh or to draw.

    Args:
        config: That of the cascade, interpolated.
        task: Name of the task.

    Raises:
        ConfigError: The config has no graph, but a trained model, or it does not resolve.
        GraphError: There is no such task.
    """
    graph = model_from_config(config).graph
    part, tasks = alone(graph, task), graph.names()
    gone = [name for name in tasks if name not in part]
    changed = deepcopy(config)
    component = next((own for own in changed["components"].values() if own.get("graph")), None)
    if component is None:
        raise ConfigError("a single-task baseline needs a config with a graph, got one that trains a saved model")
    component["graph"] = graph_to_config(part)
    component["graph"]["encoder"] = _without(component["graph"]["encoder"], gone, tasks)
    trainer = {key: value for key, value in changed["cascade"]["trainer"].items() if key not in SEVERAL}
    regularizers = trainer.get("regularizers") or {}
    trainer["regularizers"] = {name: own for name, own in regularizers.items() if not _about(own, gone)}
    changed["cascade"]["trainer"] = _trainer(_without(trainer, gone, tasks))
    return changed


def _trainer(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without those that have no sense without what has been taken out."""
    if not settings.get("joins"):
        settings.pop("join_warmup", None)
    settings.get("schedule", {}).pop("sampling", None)
    return settings


def _about(regularizer: Mapping[str, Any], gone: Collection[str]) -> bool:
    """Whether a regularizer, with its defaults, names a task that is gone where it needs one, or their parameters."""
    nodes = tuple(f"nodes.{task}." for task in gone)
    for value in vars(from_config(regularizer)).values():
        if isinstance(value, str) and value in gone:
            return True
        if isinstance(value, Mapping | Sequence) and value and all(entry in gone for entry in value):
            return True
        if isinstance(value, list | tuple) and any(str(entry).startswith(nodes) for entry in value):
            return True
    return False


def _without(section: Mapping[str, Any], gone: Collection[str], tasks: Collection[str]) -> dict[str, Any]:
    """A section without entries by the names of tasks, without their parameters, and without their names in lists."""
    kept: dict[str, Any] = {}
    by_task = any(name in tasks for name in section) and not any(name.startswith("@") for name in section)
    for name, value in section.items():
        if (by_task and name in gone) or any(name.startswith(f"nodes.{task}.") for task in gone):
            continue
        if isinstance(value, Mapping):
            inner = _without(value, gone, tasks)
            if inner.get("tasks") != [] or value.get("tasks") == []:
                kept[name] = inner
        elif name != "towers" and isinstance(value, list) and value and all(entry in tasks for entry in value):
            kept[name] = [entry for entry in value if entry not in gone]
        else:
            kept[name] = value
    return kept
