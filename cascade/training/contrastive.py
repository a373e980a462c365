"""Training of the encoder of an index: questions are brought near to passages that answer them.

Negatives are the other passages of the batch (Karpukhin et al. 2020, EMNLP, section 3.2) and passages that are found
though they do not answer, searched anew in every epoch (Xiong et al. 2021, ICLR, section 4).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from cascade.docs import Passage, words_of
from cascade.errors import TrainingError
from cascade.nn.encoders import Encoder
from cascade.retrieval.encoding import TextEncoder, mean_states
from cascade.training.curves import WarmupLinear
from cascade.training.mining import Material, Mined, Mining, Pair, mine

_CLIP = 2.0
"""Largest norm of the gradient, as in DPR."""
_TRIES = 1000
"""Passages that are drawn in search of one that does not answer a question."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What an epoch of training has shown; shares are from 0 to 1.

    Args:
        number: From 1.
        loss: Mean over the questions.
        accuracy: Share of the questions whose positive was the nearest of its batch.
        mined: Hard negatives that were found, per question.
        false_negatives: Share of the passages found, positives apart, in which an answer stands.
        close: Share of the passages found, positives apart, that were too close, though no answer stands in them.
    """

    number: int
    loss: float
    accuracy: float
    mined: float
    false_negatives: float
    close: float


def fit_retriever(
    encoder: Encoder,
    pairs: Sequence[Pair],
    passages: Sequence[Passage],
    *,
    layer: int | None = None,
    epochs: int = 3,
    batch: int = 32,
    rate: float = 2e-5,
    temperature: float = 0.05,
    mining: Mining | None = None,
    seed: int = 0,
    report: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Trains an encoder, in place and on the device where it is.

    The same seed gives the same weights (CPU, one thread).

    Args:
        encoder: The encoder. Layers above `layer` stay as they are.
        pairs: Questions with their passages.
        passages: All passages, in which hard negatives are searched.
        layer: The layer whose mean becomes the vector, see `TextEncoder`; the highest when None.
        epochs: How often every question is seen, each time with one of its positives.
        batch: Questions in a batch.
        rate: The highest learning rate; it rises to it in a tenth of the training, then falls to 0.
        temperature: What cosines are divided by.
        mining: How hard negatives are found; one for each question by the encoder itself when None.
        seed: Of all that is drawn.
        report: Called after every epoch.

    Returns:
        What each epoch has shown.

    Raises:
        TrainingError: A question has no positive or no negative, or a loss is not finite.
    """
    mining = mining or Mining()
    if batch * (1 + mining.count) < 2:
        raise TrainingError("batch=1 without hard negatives: a question has nothing to be told from, so give it one")
    material, draw = Material(pairs, passages), random.Random(seed)
    text_encoder = TextEncoder(encoder, layer=layer)
    fit = _Fit(encoder, text_encoder.layer, temperature, rate)
    history = []
    training = encoder.training
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for epoch in range(epochs):
            mined = mine(material, text_encoder, mining, draw, epoch=epoch)
            encoder.train()
            batches = list(_batches(material, mined, batch, draw))
            loss, accuracy = fit.epoch(material, batches, done=epoch / epochs, share=1 / epochs)
            history.append(_shown(epoch + 1, loss, accuracy, mined))
            if report is not None:
                report(history[-1])
    encoder.train(training)
    return history


def contrastive_loss(cosines: Tensor, target: Tensor, ignored: Tensor, temperature: float) -> Tensor:
    """The negative log likelihood of each question's positive among the passages of a batch (DPR, equation 2).

    Args:
        cosines: Of questions with passages. Shape: [questions, passages].
        target: Which passage is the question's positive. Shape: [questions].
        ignored: Which passages are no negatives of a question, though in the batch; its positive is not among them.
            Shape: [questions, passages], bool.
        temperature: What cosines are divided by.

    Returns:
        Shape: [questions].

    Raises:
        TrainingError: A question has no negative: its loss would be 0 whatever the weights are.
    """
    if ((~ignored).sum(1) < 2).any():
        raise TrainingError("a question has no negative in its batch: make batches larger, or give it hard negatives")
    return functional.cross_entropy((cosines / temperature).masked_fill(ignored, -torch.inf), target, reduction="none")


@dataclass(frozen=True)
class _Batch:
    """Some questions and the passages they are told from.

    Args:
        questions: Their numbers.
        places: Places of passages, each once.
        targets: Which of these is the positive of each question.
    """

    questions: list[int]
    places: list[int]
    targets: list[int]


def _batches(material: Material, mined: Mined, size: int, draw: random.Random) -> Iterator[_Batch]:
    order = draw.sample(range(len(material.questions)), len(material.questions))
    for start in range(0, len(order), size):
        questions = order[start : start + size]
        targets = [draw.choice(material.positives[number]) for number in questions]
        places = dict.fromkeys(targets + [place for number in questions for place in mined.negatives[number]])
        for number in questions:
            if all(material.matches(number, place) for place in places):
                places[_other(material, number, draw)] = None
        column = {place: i for i, place in enumerate(places)}
        yield _Batch(questions, list(places), [column[place] for place in targets])


def _other(material: Material, number: int, draw: random.Random) -> int:
    """Any passage but those that may answer a question.

    Raises:
        TrainingError: None was found.
    """
    for _ in range(_TRIES):
        place = draw.randrange(len(material.texts))
        if not material.matches(number, place):
            return place
    raise TrainingError(f"question {material.questions[number]!r}: its answer stands in all passages; leave it out")


class _Fit:
    """Takes the steps.

    Args:
        encoder: What is trained.
        layer: The layer whose mean becomes the vector.
        temperature: What cosines are divided by.
        rate: The highest learning rate.
    """

    def __init__(self, encoder: Encoder, layer: int, temperature: float, rate: float) -> None:
        self.encoder, self.layer, self.temperature, self.rate = encoder, layer, temperature, rate
        self.parameters = [p for p in encoder.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=rate, weight_decay=0.0, fused=True)
        self.curve = WarmupLinear()

    def epoch(self, material: Material, batches: Sequence[_Batch], *, done: float, share: float) -> tuple[float, float]:
        """One epoch; mean loss and accuracy over the questions.

        Args:
            material: Questions and passages.
            batches: Of the epoch.
            done: Share of the training that lies behind.
            share: Share of the training that an epoch is.
        """
        loss = right = 0.0
        for step, batch in enumerate(batches):
            factor = self.curve.factor(0, done + share * (step + 1) / (len(batches) + 1))
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate * factor
            own_loss, own_right = self._step(material, batch)
            loss, right = loss + own_loss, right + own_right
        questions = max(1, sum(len(batch.questions) for batch in batches))
        return loss / questions, right / questions

    def _step(self, material: Material, batch: _Batch) -> tuple[float, int]:
        questions = self._vectors([material.questions[number] for number in batch.questions])
        cosines = questions @ self._vectors([material.texts[place] for place in batch.places]).T
        target = torch.tensor(batch.targets, device=cosines.device)
        ignored = _ignored(material, batch).to(cosines.device)
        losses = contrastive_loss(cosines, target, ignored, self.temperature)
        if not losses.isfinite().all():
            raise TrainingError(f"the loss became {losses.mean().item()}: lower the rate, now {self.rate}")
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(losses.mean())
        torch.nn.utils.clip_grad_norm_(self.parameters, _CLIP)
        self.optimizer.step()
        right = cosines.masked_fill(ignored, -torch.inf).argmax(1) == target
        return losses.sum().item(), int(right.sum())

    def _vectors(self, texts: Sequence[str]) -> Tensor:
        return mean_states(self.encoder, [words_of(text) for text in texts], self.layer)


def _ignored(material: Material, batch: _Batch) -> Tensor:
    """Passages that may answer a question, but for its target. Shape: [questions, passages], bool."""
    ignored = torch.zeros(len(batch.questions), len(batch.places), dtype=torch.bool)
    for row, (number, target) in enumerate(zip(batch.questions, batch.targets, strict=True)):
        ignored[row] = torch.tensor([material.matches(number, place) for place in batch.places])
        ignored[row, target] = False
    return ignored


def _shown(number: int, loss: float, accuracy: float, mined: Mined) -> Epoch:
    return Epoch(
        number=number,
        loss=loss,
        accuracy=accuracy,
        mined=sum(map(len, mined.negatives)) / max(1, len(mined.negatives)),
        false_negatives=mined.answering / max(1, mined.found),
        close=mined.close / max(1, mined.found),
    )
