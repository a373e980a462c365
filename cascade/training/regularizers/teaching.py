"""One model teaches another: its distributions are what the other's should be like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from spacy.tokens import Doc
from torch import Tensor
from torch.nn import functional

from cascade.errors import TrainingError
from cascade.graph import Labels
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.training.regularizers.base import total

LEAST = 1e-30
"""Probabilities below are the same to a student."""


class Teaching:
    """What a teacher says of a batch, and how far the student is from it.

    The teacher is in evaluation mode, gets no gradient and is part of no other module. Where it knows labels that the
    student does not, what is left sums to 1.

    Args:
        teacher: The model that teaches; it is changed to be no more than that.
        student: The model that is trained.
        tasks: What is taught; those of `teachable`.
        name: What error messages call the teacher.

    Raises:
        TrainingError: One of the two lacks a task, the teacher lacks a label, or a task has no distribution of labels.
    """

    def __init__(self, teacher: CascadeModel, student: CascadeModel, tasks: Sequence[str], name: str) -> None:
        problems = [problem for task in tasks if (problem := _misfit(teacher, student, task, name))]
        if problems:
            raise TrainingError("\n".join(problems))
        self.teacher, self.student, self.tasks = teacher.to(student.device).eval().requires_grad_(False), student, tasks
        self._places = {task: _places(teacher.labels[task], student.labels[task]) for task in tasks}

    def loss(
        self, docs: Sequence[Doc], outputs: Mapping[str, Output], tasks: Iterable[str], temperature: float
    ) -> Tensor:
        """Sum over tasks of the mean divergence per row. Shape: [].

        Rows that one of the two has pruned, or that they decode inside other segments, do not count.

        Args:
            docs: The Docs.
            outputs: What the student has made of them, by task.
            tasks: Some of those that are taught.
            temperature: See `divergence`.
        """
        wanted = [task for task in tasks if task in self.tasks and task in outputs]
        if not wanted:
            return torch.zeros(())
        with torch.no_grad():
            said = self.teacher(self.teacher.batch(docs, targets=self.teacher.annotated(wanted)), wanted)
        return total(self._distance(task, said[task].float(), outputs[task].float(), temperature) for task in wanted)

    def _distance(self, task: str, said: Output, found: Output, temperature: float) -> Tensor:
        taught, learned = (m.task(task).distributions(o) for m, o in ((self.teacher, said), (self.student, found)))
        taught = {**taught, "label": taught["label"][:, self._places[task].to(said.hidden.device)]}
        if not getattr(self.student.task(task), "exclusive", True):
            taught, learned = ({key: _apart(p) for key, p in own.items()} for own in (taught, learned))
        alike = said.rows.alive & found.rows.alive & (said.rows.position == found.rows.position)
        alike &= said.rows.lengths[said.rows.group] == found.rows.lengths[found.rows.group]
        return total(
            _mean(divergence(taught[key], own, temperature).flatten(1).sum(1), alike) for key, own in learned.items()
        )


def teachable(model: CascadeModel) -> list[str]:
    """The tasks that have a distribution over labels, which is what `Labels` edges carry, in graph order."""
    return [name for name in model.graph.order() if Labels in model.task(name).carries]


def divergence(taught: Tensor, learned: Tensor, temperature: float) -> Tensor:
    """T^2 * KL(p || q) of distributions that T has softened: of logits z, softmax(z / T) (Hinton et al. 2015, eq. 1).

    The factor keeps the gradient's size whatever T is. Where one has fewer classes, it gives the others no chance.

    Args:
        taught: p before it is softened. Shape: [rows, ..., classes].
        learned: q before it is softened. Shape: [rows, ..., classes].
        temperature: T.

    Returns:
        Shape: [rows, ..., 1].
    """
    classes = max(taught.shape[-1], learned.shape[-1])
    p, q = (
        (functional.pad(own, (0, classes - own.shape[-1])).clamp(min=LEAST).log() / temperature).log_softmax(-1)
        for own in (taught, learned)
    )
    return temperature**2 * (p.exp() * (p - q)).sum(-1, keepdim=True)


def _places(labels: Sequence[str], wanted: Iterable[str]) -> Tensor:
    numbers = {label: i for i, label in enumerate(labels)}
    return torch.tensor([numbers[label] for label in wanted])


def _apart(chances: Tensor) -> Tensor:
    """Labels that do not exclude each other, as distributions of their own. Shape: [rows, labels, 2]."""
    return torch.stack([chances, 1 - chances], dim=-1)


def _mean(values: Tensor, known: Tensor) -> Tensor:
    return values.where(known, 0.0).sum() / known.sum().clamp(min=1)


def _misfit(teacher: CascadeModel, student: CascadeModel, task: str, name: str) -> str | None:
    for model, whose in ((student, "the graph"), (teacher, name)):
        if task not in model.graph.names():
            return f"{name} is to teach {task!r}, but {whose} has {', '.join(model.graph.names())}"
    for model, whose in ((student, "the graph"), (teacher, name)):
        if task not in teachable(model):
            return f"{name} is to teach {task!r}, which in {whose} has no distribution over labels: leave it out"
    known = set(teacher.labels[task])
    missing = [label for label in student.labels[task] if label not in known]
    if missing:
        return (
            f"{name} is to teach {task!r}, but does not know the labels {', '.join(missing[:8])} "
            f"({len(missing)} of {len(student.labels[task])}): train it on data that has them"
        )
    return None
