"""From the losses of an update to the gradients of the parameters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import groupby

import torch
from torch import Tensor

from cascade.errors import TrainingError
from cascade.training import processes
from cascade.training.gradients.base import Gradients
from cascade.training.gradients.sum import Sum
from cascade.training.schedules import Step

Reached = dict[str, dict[int, Tensor]]
"""Gradients by task, and by the number of the parameter; a parameter that the task's loss does not reach is absent."""

PROBES = 3
"""Updates of the same tasks that are tried before these count as having nothing in common."""


class Flow:
    """Gathers the losses of an update's batches, and leaves one gradient in every parameter.

    The method rules where two or more losses of the update meet, which is what autograd finds and may differ from
    update to update; a parameter that one loss reaches gets that loss's gradient. Penalties are added everywhere.

    Args:
        method: What combines gradients.
        parameters: What is trained; those that need no gradient at the moment are passed over.
    """

    def __init__(self, method: Gradients, parameters: Iterable[Tensor]) -> None:
        self.method, self.parameters = method, list(parameters)
        self._reached: Reached = {}

    def add(self, losses: Mapping[str, Tensor], penalty: Tensor, share: float) -> None:
        """Take in a batch; its graph may be freed afterwards.

        Args:
            losses: By task. Shape of each: [].
            penalty: Of the regularizers. Shape: [].
            share: What the batch counts for in the update.
        """
        if isinstance(self.method, Sum):
            _backward((torch.stack(list(losses.values())).sum() + penalty) * share)
            return
        _backward(penalty * share, retain_graph=True)
        scaled = {task: loss * share for task, loss in losses.items()}
        for task, found in task_gradients(scaled, self.parameters).items():
            earlier = self._reached.setdefault(task, {})
            earlier |= {i: earlier[i] + gradient if i in earlier else gradient for i, gradient in found.items()}

    def finish(self) -> None:
        """Add what the update's losses ask for to the parameters' `grad`, and add up those of all processes.

        Raises:
            TrainingError: A gradient is not finite, or the method cannot combine what there is.
        """
        penalized = {i: p.grad for i, p in enumerate(self.parameters) if p.grad is not None}
        for i, gradient in processes.total(penalized, self.parameters.__getitem__).items():
            self.parameters[i].grad = gradient
        reached, self._reached = self._everywhere(), {}
        together = shared(reached)
        if together:
            tasks, gradients = stack(reached, together, self.parameters)
            for found, i in ((found, i) for found in reached.values() for i in together):
                found.pop(i, None)
            _require_finite(tasks, gradients)
            # A method may draw random numbers, which differ from process to process.
            self._spread(processes.as_first(self.method.combine(gradients)), together)
        for i in sorted({i for found in reached.values() for i in found}):
            self._deposit(i, next(found[i] for found in reached.values() if i in found))

    def _everywhere(self) -> Reached:
        """What was reached in all processes together."""
        own = {(task, i): gradient for task, found in self._reached.items() for i, gradient in found.items()}
        reached: Reached = {task: {} for task in self._reached}
        for (task, i), gradient in processes.total(own, lambda key: self.parameters[key[1]]).items():
            reached.setdefault(task, {})[i] = gradient
        return reached

    def _spread(self, combined: Tensor, numbers: Sequence[int]) -> None:
        """Cut a flat gradient into those of parameters."""
        pieces = torch.split(combined, [self.parameters[i].numel() for i in numbers])
        for i, piece in zip(numbers, pieces, strict=True):
            self._deposit(i, piece.view_as(self.parameters[i]))

    def _deposit(self, number: int, gradient: Tensor) -> None:
        parameter = self.parameters[number]
        # Never the tensor itself: autograd may have given the same one to several parameters, and clipping works in
        # place.
        parameter.grad = gradient.clone() if parameter.grad is None else parameter.grad + gradient


def task_gradients(losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> Reached:
    """The gradient of every loss by itself; the graph is kept.

    Args:
        losses: By task. Shape of each: [].
        parameters: In which; those that need no gradient are passed over.
    """
    trained = {i: parameter for i, parameter in enumerate(parameters) if parameter.requires_grad}
    reached: Reached = {}
    for task, loss in losses.items():
        wanted = list(trained.values()) if loss.requires_grad else []
        found = torch.autograd.grad(loss, wanted, retain_graph=True, allow_unused=True) if wanted else ()
        reached[task] = {i: gradient for i, gradient in zip(trained, found, strict=False) if gradient is not None}
    return reached


def shared(reached: Mapping[str, Collection[int]]) -> list[int]:
    """The numbers of the parameters that two or more losses reach, ascending."""
    numbers = sorted(i for found in reached.values() for i in found)
    return [i for i, group in groupby(numbers) if len(list(group)) > 1]


def stack(reached: Reached, numbers: Sequence[int], parameters: Sequence[Tensor]) -> tuple[list[str], Tensor]:
    """Gradients in some parameters as a matrix.

    Args:
        reached: What `task_gradients` gave.
        numbers: Of the parameters.
        parameters: All of them.

    Returns:
        The tasks that reach any of these, and their gradients, 0 in a parameter that a task does not reach. Shape:
        [tasks, elements of the parameters].
    """
    tasks = [task for task, found in reached.items() if not found.keys().isdisjoint(numbers)]
    sizes = [parameters[i].numel() for i in numbers]
    gradients = parameters[numbers[0]].new_zeros(len(tasks), sum(sizes))
    for task, row in zip(tasks, gradients, strict=True):
        for i, place in zip(numbers, torch.split(row, sizes), strict=True):
            if i in reached[task]:
                place.copy_(reached[task][i].reshape(-1))
    return tasks, gradients


def require_shared(
    method: Gradients,
    parameters: Sequence[Tensor],
    updates: Iterable[Sequence[Step]],
    losses: Callable[[Step], Mapping[str, Tensor]],
) -> None:
    """Make sure that a method has something to do, by trying a few updates; their weights are left as they are.

    Args:
        method: The method.
        parameters: What is trained.
        updates: The batches of an epoch's updates.
        losses: Gives the losses of a batch by task, with their graph.

    Raises:
        TrainingError: Every update trains one task alone, or no two losses of an update reach the same parameter.
    """
    if isinstance(method, Sum):
        return
    several = [(tasks, update) for update in updates if len(tasks := _tasks(update)) > 1]
    if not several:
        raise TrainingError(
            f"{method} combines the gradients of several tasks, but every update trains one task alone: take a "
            "schedule whose batches carry several, such as Joint(), raise accumulate=, or leave it at gradients=Sum()"
        )
    tried: dict[frozenset[str], int] = {}
    for tasks, update in several:
        tried[tasks] = tried.get(tasks, 0) + 1
        if tried[tasks] <= PROBES and _meet(update, parameters, losses):
            return
    groups = "; ".join(", ".join(sorted(tasks)) for tasks in tried)
    raise TrainingError(
        f"{method} combines the gradients of several tasks where their losses meet, but no parameter is reached by two "
        f"of them ({groups}): train the encoder, join the tasks by edges that pass gradients, or leave it at "
        "gradients=Sum()"
    )


def _meet(update: Sequence[Step], parameters: Sequence[Tensor], losses: Callable[[Step], Mapping[str, Tensor]]) -> bool:
    """Whether two losses of an update reach the same parameter; random numbers are as if nobody had asked."""
    reached: dict[str, set[int]] = {}
    with torch.random.fork_rng():
        for step in update:
            for task, found in task_gradients(losses(step), parameters).items():
                reached.setdefault(task, set()).update(found)
    return bool(shared(reached))


def _tasks(update: Sequence[Step]) -> frozenset[str]:
    return frozenset(task for step in update for task in step.tasks)


def _require_finite(tasks: Sequence[str], gradients: Tensor) -> None:
    finite = gradients.norm(dim=1).isfinite().tolist()
    wrong = [task for task, fine in zip(tasks, finite, strict=True) if not fine]
    if wrong:
        raise TrainingError(
            f"the gradient of {', '.join(wrong)} is not finite: lower the learning rate, or look for Docs whose gold "
            "cannot be right"
        )


def _backward(total: Tensor, *, retain_graph: bool = False) -> None:
    if total.requires_grad:
        total.backward(retain_graph=retain_graph)  # type: ignore[no-untyped-call]
