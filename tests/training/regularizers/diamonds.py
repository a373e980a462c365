"""A diamond of tasks that the tests of regularizers share."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from cascade.graph import Hidden, Recurrent, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.tasks.tagging import Tagging
from cascade.training.regularizers import Regularizer
from cascade.training.schedules import Step

ABOVE = {"low": [], "left": ["low"], "right": ["low"], "top": ["left", "right"], "alone": []}


def diamond_graph() -> TaskGraph:
    """A diamond and a task beside it; graph order is that of `ABOVE`."""
    graph = TaskGraph(encoder=Embedding(words=4, characters=4, vocabulary=8, buckets=8))
    for name, upstream in ABOVE.items():
        graph.add(Tagging(name, layer=Recurrent(3), hidden=4), after={u: [Hidden()] for u in upstream})
    return graph


def shift(model: CascadeModel, amount: float) -> None:
    with torch.no_grad():
        for p in model.parameters():
            p += amount


def added(regularizer: Regularizer, tasks: Iterable[str]) -> Tensor:
    """What it adds to a step that trains these tasks; the batch has no part in it."""
    return regularizer.penalty(Step([], tuple(tasks)), None, {})  # type: ignore[arg-type]


def count(model: CascadeModel, nodes: Iterable[str]) -> int:
    return sum(p.numel() for m in (model.encoder, *(model.nodes[n] for n in nodes)) for p in m.parameters())
