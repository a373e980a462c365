"""Consistency between a text and what is left of it when a part is cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cascade import docs as documents
from cascade.data.batches import Batch
from cascade.errors import TrainingError
from cascade.graph import Labels
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.tasks import Task
from cascade.training.regularizers.base import Regularizer, total
from cascade.training.schedules import Step

TINY = 1e-12


@dataclass(kw_only=True)
class Consistency(Regularizer):
    """Has a text judged alike when a part of its words is hidden (Shen et al. 2020, section 3; Clark et al. 2018).

    Every step reads its texts a second time with some words masked, a draw of its own each time, and adds to the loss
    strength * (sum of the losses of that view + JS), JS the Jensen-Shannon divergence of the distributions of both
    views, a mean over rows. Where a Doc has no gold, the divergence alone teaches, which is cross-view training. Tasks
    that do not read each text by itself are passed over: those of questions and their passages, pairs that are read
    together, masked language modelling.

    Args:
        strength: What the second view counts for.
        share: Share of the words that are masked.
        span: Whether the masked words of a text follow one another (span cutoff); else each is drawn by itself (token
            cutoff).
    """

    strength: float = 1.0
    share: float = 0.1
    span: bool = False

    def begin(self, model: CascadeModel, *, sweeps: bool) -> None:
        """Find the tasks that have distributions and read each text by itself.

        Raises:
            TrainingError: There is none, or a setting makes no sense.
        """
        if not 0 < self.share < 1:
            raise TrainingError(
                f"regularizer: Consistency hides a share of the words, between 0 and 1, got {self.share}"
            )
        self._model = model
        self._judged = [name for name in model.graph.order() if _is_judged(model.task(name))]
        if not self._judged:
            tasks = ", ".join(model.graph.order())
            raise TrainingError(
                "regularizer: Consistency compares distributions of labels of tasks that read each text by itself, but "
                f"none of {tasks} has one and does: leave it out"
            )

    def penalty(self, step: Step, batch: Batch, outputs: Mapping[str, Output]) -> Tensor:
        """Strength * (losses of the second view + JS)."""
        tasks = [name for name in step.tasks if name in outputs and self._model.task(name).view == "apart"]
        judged = [name for name in tasks if name in self._judged]
        if not tasks:
            return torch.zeros(())
        cut = self._cut(step, batch)
        again = self._model(cut, tasks)
        losses = self._model.losses(cut, tasks, again)
        views = {
            name: [self._model.task(name).distribution(o[name].float()) for o in (outputs, again)] for name in judged
        }
        return self.strength * total([*losses.values(), *(_divergence(*pair) for pair in views.values())])

    def _cut(self, step: Step, batch: Batch) -> Batch:
        """The batch as the encoder sees it with words masked; its gold is what it was."""
        encoder = self._model.encoder
        texts = [self._masked(text, encoder.mask) for doc in step.docs for text in documents.words(doc)]
        features = {name: tensor.to(self._model.device) for name, tensor in encoder.features(texts).items()}
        return replace(batch, features={**batch.features, "apart": features})

    def _masked(self, words: Sequence[str], mask: str) -> list[str]:
        """A text with some of its words masked."""
        hidden = torch.rand(len(words)) < self.share
        if self.span and words:
            length = max(round(self.share * len(words)), 1)
            start = int(torch.randint(len(words) - length + 1, ()))
            hidden = (torch.arange(len(words)) >= start) & (torch.arange(len(words)) < start + length)
        return [mask if gone else word for word, gone in zip(words, hidden.tolist(), strict=True)]


def _is_judged(task: Task) -> bool:
    return Labels in task.carries and task.view == "apart"


def _divergence(one: Tensor, other: Tensor) -> Tensor:
    """Mean Jensen-Shannon divergence over rows, in nats. Shapes: [rows, labels], the result: []."""
    mean = (one + other) / 2
    parts = [torch.xlogy(p, p / mean.clamp(min=TINY)).sum(-1) for p in (one, other)]
    return torch.stack(parts).sum(0).mean() / 2 if len(one) else one.new_zeros(())
