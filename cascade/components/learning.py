"""Losses of a batch of spaCy's examples: against gold, and against an older model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor

from cascade.components.alignment import aligned
from cascade.data.batches import Batch, read_targets
from cascade.graph import Labels
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output

SMALLEST = 1e-9


@dataclass(frozen=True)
class Forward:
    """A forward pass.

    Args:
        batch: The batch with its gold.
        outputs: Outputs of the tasks that it has gold for, and of all that they need.
        tasks: These tasks, in graph order.
    """

    batch: Batch
    outputs: Mapping[str, Output]
    tasks: Sequence[str]


def forward(module: CascadeModel, examples: Sequence[Example], tasks: Sequence[str], given: Sequence[str]) -> Forward:
    """Run a cascade over predicted tokens, with the gold laid over them.

    Args:
        module: The cascade.
        examples: The batch.
        tasks: Tasks that are trained.
        given: Tasks whose annotation is taken from the predicted Docs.
    """
    batch = module.batch([aligned(example) for example in examples], targets=module.graph.names())
    if given:
        left = read_targets([example.predicted for example in examples], map(module.task, given), batch.counts)
        batch = replace(batch, targets={**batch.targets, **left}).to(module.device)
    known = [name for name in tasks if name in batch.targets]
    return Forward(batch, module(batch, known, given=given) if known else {}, known)


def gold_loss(module: CascadeModel, passed: Forward) -> Tensor:
    """Sum of the tasks' losses, each a mean per row with gold; 0 without any gold. Shape: []."""
    losses = [module.task(name).loss(passed.outputs[name], passed.batch.targets[name]) for name in passed.tasks]
    return _total(losses)


def rehearsal_loss(module: CascadeModel, tutor: CascadeModel, docs: Sequence[Doc], tasks: Sequence[str]) -> Tensor:
    """Mean cross-entropy between the distributions of an older model and those of the present one, summed over tasks.

    Args:
        module: The present model.
        tutor: The older one.
        docs: Texts.
        tasks: Tasks; those without a distribution are passed over.
    """
    tutor.calibration = {}  # the present one has none while it is trained
    batch = module.batch(docs)
    judged = [name for name in tasks if Labels in module.task(name).carries]
    outputs = module(batch, judged)
    with torch.no_grad():
        known = tutor.eval()(batch, judged)
    losses = []
    for name in judged:
        target = tutor.task(name).distribution(known[name])
        logarithm = module.task(name).distribution(outputs[name]).clamp(min=SMALLEST).log()
        losses.append(-(target * logarithm).sum(-1).mean())
    return _total(losses)


def _total(losses: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(losses)).sum() if losses else torch.zeros((), requires_grad=True)
