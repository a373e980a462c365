"""Conflict: whether the gradients of tasks point the same way while they are trained together."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import torch
from torch import Tensor

from cascade.diagnostics.probing import Probes, Sightings
from cascade.errors import ConfigError, TrainingError
from cascade.model import CascadeModel
from cascade.training import Trainer
from cascade.training.gradients import task_gradients
from cascade.training.observing import Losses, Observer

FILE = "conflict.jsonl"


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Two tasks.

    Attributes:
        first: Name of one.
        second: Name of the other.
        updates: When it was measured.
        cosines: Of their gradients, from -1 to 1, at each of these.
        mean: Of the cosines.
        negative: Share of the measurements that are below 0.
    """

    first: str
    second: str
    updates: Sequence[int]
    cosines: Sequence[float]
    mean: float
    negative: float


def conflict(
    trainer: Trainer, output_dir: str | Path, *, every: int = 20, docs: int = 16, resume: bool = False
) -> list[Conflict]:
    """Train, and measure the cosine of the gradients of every pair of tasks (Yu et al. 2020, section 2.2).

    cos = g_i . g_j / (||g_i|| ||g_j||), in the parameters that both losses reach, which is what autograd finds. The
    losses are those of training, dropout among it, on batches drawn for the purpose; the training itself is as without.

    Args:
        trainer: The trainer.
        output_dir: The folder of the run; measurements go into its `conflict.jsonl`.
        every: Updates between measurements.
        docs: Docs of a task's batch.
        resume: Go on with the run that the folder holds, if it holds one.

    Raises:
        TrainingError: See `Trainer.fit`; or no two tasks have a parameter in common.
        ConfigError: There is one task alone, or the run in the folder was not measured.
    """
    require_several(trainer.model)
    probes = Probes(trainer.corpora, docs=docs, seed=trainer.seed, frozen=trainer.frozen)
    watcher = Watcher(probes, Sightings(Path(output_dir) / FILE), every=every)
    replace(trainer, observers=(*trainer.observers, watcher)).fit(output_dir, resume=resume)
    return read_conflict(output_dir)


def read_conflict(run: str | Path) -> list[Conflict]:
    """What was measured in a run.

    Args:
        run: Its folder.

    Raises:
        ConfigError: Nothing was.
    """
    rows = Sightings(Path(run) / FILE).rows()
    if not rows:
        raise ConfigError(f"{run}: expected a run that was measured, with {FILE} in it; name a config, to train one")
    found = []
    for first, second in dict.fromkeys((a, b) for row in rows for a, own in row["cosines"].items() for b in own):
        points = [(row["update"], row["cosines"].get(first, {}).get(second)) for row in rows]
        known = [(update, value) for update, value in points if value is not None]
        cosines = [value for _, value in known]
        found.append(
            Conflict(
                first=first,
                second=second,
                updates=[update for update, _ in known],
                cosines=cosines,
                mean=statistics.mean(cosines),
                negative=sum(value < 0 for value in cosines) / len(cosines),
            )
        )
    return found


def require_several(model: CascadeModel) -> None:
    """See that there is something to compare.

    Raises:
        ConfigError: The graph has one task alone.
    """
    if len(model.graph.names()) < 2:
        raise ConfigError(f"expected a graph with several tasks, got {', '.join(model.graph.names())} alone")


class Watcher(Observer):
    """Measures cosines.

    Args:
        probes: Gives batches.
        sightings: Where they go.
        every: Updates between measurements.
    """

    def __init__(self, probes: Probes, sightings: Sightings, *, every: int) -> None:
        self.probes, self.sightings, self.every = probes, sightings, every

    def observe(self, model: CascadeModel, losses: Losses, number: int) -> None:
        """Measure, if it is time."""
        if (number - 1) % self.every:
            return
        parameters, reached = list(model.parameters()), dict[str, dict[int, Tensor]]()
        for step in self.probes.draw(model, number):
            reached |= task_gradients(losses(step), parameters)
        found = cosines(reached)
        if not found:
            raise TrainingError(
                f"no parameter is reached by the losses of two tasks ({', '.join(reached)}), so none can conflict"
            )
        table: dict[str, dict[str, float]] = {}
        for (first, second), value in found.items():
            table.setdefault(first, {})[second] = value
        self.sightings.add(number, {"cosines": table})


def cosines(reached: Mapping[str, Mapping[int, Tensor]]) -> dict[tuple[str, str], float]:
    """Cosines of gradients, each pair in the parameters that both reach; pairs without any, or without gradient, lack.

    Args:
        reached: Gradients by task, and by the number of the parameter.
    """
    found = {}
    for (first, one), (second, other) in combinations(reached.items(), 2):
        both = sorted(one.keys() & other.keys())
        if not both:
            continue
        a, b = (torch.cat([own[i].reshape(-1) for i in both]).double() for own in (one, other))
        value = float(a @ b / (a.norm() * b.norm()))
        if math.isfinite(value):
            found[first, second] = value
    return found
