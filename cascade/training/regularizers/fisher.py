"""How much the losses of tasks depend on every weight: the diagonal of the Fisher information, and its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from spacy.tokens import Doc
from torch import Tensor

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.nn.rows import MISSING


def measure_fisher(model: CascadeModel, docs: Sequence[Doc], tasks: Iterable[str] | None = None) -> dict[str, Tensor]:
    """The diagonal of the empirical Fisher information, for `Elastic` (Kirkpatrick et al. 2017, equation 3).

    F = sum over tasks of the mean over Docs of n * g^2, where g is the gradient of the task's loss on one Doc, the mean
    over its n rows with gold. With rows that are independent it is what the mean of the squared gradients of single
    rows is, and so fits a loss that is a mean over rows. Labels are those of the Docs, not drawn from the model: so it
    serves every task, and of a well-trained model the two are much the same.

    Args:
        model: The model, trained on the tasks.
        docs: Docs with gold for them, such as some hundreds of those that it was trained on.
        tasks: Names; all but auxiliary tasks when None.

    Returns:
        By the names of the parameters that are trained. Shapes: those of the parameters.

    Raises:
        TrainingError: A task has no gold in any of the Docs.
        GraphError: There is no such task.
    """
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    found = {name: torch.zeros_like(parameter) for name, parameter in named.items()}
    before = model.training
    model.eval()
    try:
        for task in model.usual if tasks is None else [model.task(name).name for name in tasks]:
            for name, own in _of_task(model, docs, task, named).items():
                found[name] += own
    finally:
        model.train(before)
    return found


def save_fisher(found: Mapping[str, Tensor], path: str | Path) -> None:
    """Write what `measure_fisher` gave, as safetensors.

    Raises:
        TrainingError: The file cannot be written.
    """
    try:
        Path(path).write_bytes(safetensors.torch.save({name: own.cpu().contiguous() for name, own in found.items()}))
    except OSError as error:
        raise TrainingError(
            f"cannot write {path}: {error.strerror or error}; name a file that may be written"
        ) from error


def load_fisher(path: str | Path) -> dict[str, Tensor]:
    """Read what `save_fisher` wrote.

    Raises:
        TrainingError: It cannot be read.
    """
    try:
        return safetensors.torch.load_file(path)
    except (OSError, SafetensorError) as error:
        raise TrainingError(
            f"cannot read the Fisher information in {path}: {error}; make it with `cascade fisher`"
        ) from error


def _of_task(model: CascadeModel, docs: Sequence[Doc], task: str, named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The mean over Docs of n * g^2, by the parameters that the task's loss reaches."""
    squares: dict[str, Tensor] = {}
    seen = 0
    for doc in docs:
        batch = model.batch([doc], targets=[task])
        if task not in batch.targets:
            continue
        seen += 1
        known = [(gold != MISSING).unsqueeze(-1).flatten(1).any(1) for gold in batch.targets[task].values()]
        rows = int(torch.stack(known).any(0).sum())
        # The LSTMs of a GPU give no gradient outside of training otherwise.
        with torch.backends.cudnn.flags(enabled=False):
            loss = model.losses(batch, [task])[task]
            gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
        for name, gradient in zip(named, gradients, strict=True):
            if gradient is not None:
                squares[name] = squares.get(name, torch.zeros_like(gradient)).addcmul_(gradient, gradient, value=rows)
    if not seen:
        raise TrainingError(
            f"Fisher information: none of {len(docs)} Docs has gold for task {task!r}: name Docs that have, or leave "
            "the task out"
        )
    return {name: own / seen for name, own in squares.items()}
