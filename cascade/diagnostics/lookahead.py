"""Steps for one task that are taken to see what they do to others, and taken back."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from cascade.diagnostics.probing import Probes, Sightings
from cascade.model import CascadeModel
from cascade.training.gradients import shared, task_gradients
from cascade.training.observing import Losses, Observer
from cascade.training.randomness import generators, restore_generators
from cascade.training.schedules import Step

Table = dict[str, dict[str, float]]
"""Affinities by source and target."""


class Lookahead(Observer):
    """Measures affinities.

    Args:
        probes: Gives batches.
        sightings: Where they go.
        every: Updates between measurements.
        rate: eta.
    """

    def __init__(self, probes: Probes, sightings: Sightings, *, every: int, rate: float) -> None:
        self.probes, self.sightings, self.every, self.rate = probes, sightings, every, rate

    def observe(self, model: CascadeModel, losses: Losses, number: int) -> None:
        """Measure, if it is time."""
        if (number - 1) % self.every == 0:
            steps = self.probes.draw(model, number)
            common, through = look_ahead(model, steps, losses, self.rate)
            self.sightings.add(number, {"shared": common, "through": through})


def look_ahead(model: CascadeModel, steps: Sequence[Step], losses: Losses, rate: float) -> tuple[Table, Table]:
    """The affinities of a moment.

    Args:
        model: The model; its parameters are bit-identical afterwards.
        steps: Batches, in which every task occurs once.
        losses: Gives their losses.
        rate: eta.

    Returns:
        Z by source and target: for a step in the parameters that several losses reach; and for a step in those of the
        source's node, where an edge leads from it to the target.
    """
    named = list(model.named_parameters())
    parameters, state = [parameter for _, parameter in named], generators()
    before: dict[str, float] = {}
    reached: dict[str, dict[int, Tensor]] = {}
    for step in steps:
        restore_generators(*state)
        found = losses(step)
        before |= {task: float(loss.detach()) for task, loss in found.items()}
        reached |= task_gradients(found, parameters)
        del found

    def after(task: str, numbers: Collection[int], others: Iterable[str]) -> dict[str, float]:
        own = {i: gradient for i, gradient in reached[task].items() if i in numbers}
        moved: dict[str, float] = {}
        with _moved(parameters, own, rate), torch.no_grad():
            for step in steps if own else ():
                restore_generators(*state)
                moved |= {name: float(loss) for name, loss in losses(step).items()}
        gains = {name: 1 - moved[name] / before[name] for name in others if name in moved and before.get(name)}
        return {name: gain for name, gain in gains.items() if math.isfinite(gain)}

    common = set(shared(reached))
    touched = {task: {i for i in found if i in common} for task, found in reached.items()}
    together = {
        task: after(task, common, [name for name in reached if name != task and touched[name] & touched[task]])
        for task in reached
    }
    nodes = {t: {i for i, (name, _) in enumerate(named) if name.startswith(f"nodes.{t}.")} for t in reached}
    return together, {t: after(t, nodes[t], list(model.graph.successors(t))) for t in reached if model.graph[t]}


@contextmanager
def _moved(parameters: Sequence[Tensor], gradients: Mapping[int, Tensor], rate: float) -> Iterator[None]:
    """A step of plain SGD, taken back bit by bit."""
    saved = {i: parameters[i].detach().clone() for i in gradients}
    try:
        with torch.no_grad():
            for i, gradient in gradients.items():
                parameters[i].sub_(rate * gradient)
        yield
    finally:
        with torch.no_grad():
            for i, values in saved.items():
                parameters[i].copy_(values)
