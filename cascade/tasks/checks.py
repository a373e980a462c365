"""What is wrong with tasks in one graph that their edges do not show."""

from __future__ import annotations

from torch import nn

from cascade.graph import TaskGraph
from cascade.tasks.base import Task


def problems(graph: TaskGraph) -> list[str]:
    """What keeps the tasks of a graph that is valid from being one model; a sentence each, with the mend."""
    tasks: list[Task] = [graph.task(name) for name in graph.names()]
    return _names(tasks) + _views(tasks) + [problem for task in tasks for problem in _spans(graph, task)]


def _names(tasks: list[Task]) -> list[str]:
    return [
        f"task {task.name!r} is called like a method of torch modules: give it another name"
        for task in tasks
        if hasattr(nn.ModuleDict(), task.name)
    ]


def _views(tasks: list[Task]) -> list[str]:
    """Tasks about passages stand alone."""
    asked = [task.name for task in tasks if task.view == "asked"]
    others = [task.name for task in tasks if task.view != "asked"]
    if not asked or not others:
        return []
    return [f"{', '.join(asked)} read the passages of a question, {', '.join(others)} the Doc itself: make two graphs"]


def _spans(graph: TaskGraph, task: Task) -> list[str]:
    """Spans are proposed once on the way to a task."""
    found = []
    makers = [name for name in graph.ancestors([task.name]) if graph.task(name).proposes]
    if task.unit == "span" and not task.proposes and not makers:
        found.append(f"task {task.name!r} is about spans, but nothing upstream proposes any: add a Reading")
    if len(makers) + task.proposes > 1:
        found.append(f"task {task.name!r} is behind several tasks that propose spans: keep one of them")
    return found
