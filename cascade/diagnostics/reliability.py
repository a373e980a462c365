"""Calibration of tasks: whether their probabilities are right as often as they say, before and after temperature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from spacy.tokens import Doc
from torch import Tensor

from cascade.diagnostics.running import Part, outputs, parts_of, require_gold
from cascade.errors import ConfigError, DataError
from cascade.evaluation import Reliability, Temperature, ece, fit_temperature, reliability
from cascade.graph import Labels
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.nn.rows import MISSING
from cascade.tasks import Parsing
from cascade.tasks.parsing import inside

BINS = 15
_IMPOSSIBLE = -1e8  # scores below are no scores
_LEAST = 1e-30  # probabilities below are the same to a calibration


@dataclass(frozen=True)
class Observed:
    """Probabilities of a task and what is right.

    Args:
        logits: Logarithms of the probabilities, up to a constant; minus infinity for what a row cannot be. Shape:
            [rows, classes].
        labels: The right class of each row. Shape: [rows], int.
        docs: Which Doc each row belongs to. Shape: [rows], int.
        named: Whether classes are the same in every row, as labels are and heads are not.
    """

    logits: np.ndarray
    labels: np.ndarray
    docs: np.ndarray
    named: bool = True


@dataclass(frozen=True, kw_only=True)
class Measures:
    """How well probabilities are calibrated.

    Attributes:
        accuracy: How often the most probable class is right.
        confidence: Its mean probability.
        ece: Expected calibration error of the most probable class, in bins of equal width.
        adaptive_ece: The same in bins of equally many rows.
        classwise_ece: Mean over classes of that of each class's probability; None where rows have classes of their own.
        brier: Mean squared distance of all probabilities of a row from what is right, from 0 to 2.
        nll: Mean negative log-likelihood, in nats.
        diagram: The reliability diagram.
    """

    accuracy: float
    confidence: float
    ece: float
    adaptive_ece: float
    classwise_ece: float | None
    brier: float
    nll: float
    diagram: Reliability


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Calibration of a task.

    Attributes:
        task: Its name; a parser's heads are an entry of their own, `NAME heads`.
        rows: Rows that are measured.
        before: With the probabilities as they are.
        temperature: What the logits are divided by, fitted on other Docs; None where there are none.
        after: With that temperature.
    """

    task: str
    rows: int
    before: Measures
    temperature: float | None
    after: Measures | None


def calibration(
    model: CascadeModel, docs: Sequence[Doc], *, fit: Sequence[Doc] = (), bins: int = BINS, words: int = 4000
) -> list[Calibration]:
    """Calibration of every task that gives rows a distribution over labels.

    Of a task that marks spans these are the marginals of its tags, of a parser its relations and its heads. Labels that
    do not exclude each other are as many yes-or-no questions. Rows whose gold is a label that the model does not know
    are left out.

    Args:
        model: The model.
        docs: Docs with gold.
        fit: Other Docs, on which a temperature is fitted for every task that they have gold for.
        bins: Of the diagrams and errors.
        words: Words per batch.

    Raises:
        DataError: No Doc has gold for a task with such a distribution.
        ConfigError: There is no bin.
    """
    require_gold(model, docs)
    found = observe(model, parts_of(model, docs, words))
    if not found:
        raise DataError(
            f"expected gold for a task with a distribution over labels among {', '.join(model.graph.names())}, got "
            "none: name other files"
        )
    others = observe(model, parts_of(model, fit, words))
    return [_calibrated(name, own, others.get(name), bins) for name, own in found.items()]


def _calibrated(name: str, own: Observed, other: Observed | None, bins: int) -> Calibration:
    before = measures(own, bins=bins)
    if other is None:
        return Calibration(task=name, rows=len(own.labels), before=before, temperature=None, after=None)
    fitted = fit_temperature(other.logits, other.labels)
    after = measures(own, fitted, bins=bins)
    return Calibration(task=name, rows=len(own.labels), before=before, temperature=fitted.value, after=after)


@torch.no_grad()
def observe(model: CascadeModel, parts: Sequence[Part]) -> dict[str, Observed]:
    """Probabilities and gold by task, at prediction; tasks without gold or distribution are absent.

    Args:
        model: The model.
        parts: Batches; their Docs are numbered in order.
    """
    pieces: dict[str, list[Observed]] = {}
    before = 0
    for part in parts:
        made = outputs(model, part, part.batch.targets)
        for task in filter(made.__contains__, model.graph.order()):
            if task in part.batch.targets:
                for name, piece in _observed(model, part, task, made[task], before):
                    pieces.setdefault(name, []).append(piece)
        before += len(part.docs)
    joined = {name: _joined(own) for name, own in pieces.items()}
    return {name: own for name, own in joined.items() if len(own.labels)}


def _observed(
    model: CascadeModel, part: Part, name: str, output: Output, before: int
) -> Iterator[tuple[str, Observed]]:
    """What a batch shows of a task."""
    task, targets = model.task(name), part.batch.targets[name]
    if "label" not in targets or Labels not in task.carries:
        return
    counts = part.batch.counts[task.unit]
    docs = before + np.repeat(np.arange(len(counts)), counts)
    logits = task.distribution(output).double().clamp(min=_LEAST).log()
    label = targets["label"]
    if label.ndim == 2:
        nothing = (1 - logits.exp()).clamp(min=_LEAST).log()
        pairs, classes = torch.stack([nothing, logits], dim=-1).flatten(0, 1), label.shape[1]
        alive = output.rows.alive.repeat_interleave(classes)
        yield name, _kept(pairs, label.flatten(), alive & (label.flatten() != MISSING), np.repeat(docs, classes))
    else:
        yield name, _kept(logits, label, output.rows.alive & (label != MISSING), docs)
    if isinstance(task, Parsing):
        heads, known = inside(targets["head"], output.rows)
        arcs = output.scores["arcs"].double()
        arcs = arcs.masked_fill(arcs < _IMPOSSIBLE, float("-inf"))
        yield f"{name} heads", _kept(arcs, heads, output.rows.alive & known, docs, named=False)


def _kept(logits: Tensor, labels: Tensor, known: Tensor, docs: np.ndarray, *, named: bool = True) -> Observed:
    """The rows of which the right class is known."""
    places = known.cpu().numpy()
    return Observed(logits[known].cpu().numpy(), labels[known].cpu().numpy(), docs[places], named)


def _joined(pieces: Sequence[Observed]) -> Observed:
    """Batches as one; rows of fewer classes cannot be the others."""
    width = max(piece.logits.shape[1] for piece in pieces)
    filled = [
        np.pad(piece.logits, ((0, 0), (0, width - piece.logits.shape[1])), constant_values=-np.inf) for piece in pieces
    ]
    labels, docs = (np.concatenate([getattr(piece, key) for piece in pieces]) for key in ("labels", "docs"))
    return Observed(np.concatenate(filled), labels, docs, pieces[0].named)


def measures(observed: Observed, temperature: Temperature | None = None, *, bins: int = BINS) -> Measures:
    """How well the probabilities of rows are calibrated.

    Args:
        observed: The rows, one or more.
        temperature: Divides the logits.
        bins: Of the diagram and the errors.

    Raises:
        ConfigError: There is no bin.
    """
    chances = (temperature or Temperature(value=1.0))(observed.logits)
    gold = np.zeros_like(chances)
    gold[np.arange(len(gold)), observed.labels] = 1.0
    sure, right = surest(chances, observed.labels)
    return Measures(
        accuracy=float(right.mean()),
        confidence=float(sure.mean()),
        ece=ece(sure, right, bins=bins),
        adaptive_ece=adaptive_ece(sure, right, bins=bins),
        classwise_ece=classwise_ece(chances, observed.labels, bins=bins) if observed.named else None,
        brier=float(((chances - gold) ** 2).sum(axis=1).mean()),
        nll=float(-np.log(np.maximum(chances[gold == 1.0], _LEAST)).mean()),
        diagram=reliability(sure, right, bins=bins),
    )


def surest(chances: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability of the most probable class, and whether it is right. Shapes: [rows, classes], [rows] to [rows] each.

    Args:
        chances: Probabilities.
        labels: The right classes.
    """
    # Marginals of a chain may sum to 1 and a rounding.
    return chances.max(axis=1).clip(0.0, 1.0), (chances.argmax(axis=1) == labels).astype(float)


def adaptive_ece(confidence: ArrayLike, correct: ArrayLike, *, bins: int = BINS) -> float:
    """Calibration error in bins of equally many rows, ordered by confidence (Nguyen and O'Connor 2015, section 4).

    Mean |accuracy - confidence| of the bins, weighted by their rows. Without a row it is NaN.

    Args:
        confidence: From 0 to 1. Shape: [rows].
        correct: 1 or 0. Shape: [rows].
        bins: How many; fewer where there are fewer rows.

    Raises:
        ConfigError: There is no bin.
    """
    if bins < 1:
        raise ConfigError(f"expected 1 or more bins, got {bins}")
    sure, right = np.asarray(confidence, float), np.asarray(correct, float)
    if not len(sure):
        return float("nan")
    order = np.argsort(sure, kind="stable")
    gaps = [abs(float((right[own] - sure[own]).sum())) for own in np.array_split(order, min(bins, len(sure)))]
    return sum(gaps) / len(sure)


def classwise_ece(chances: np.ndarray, labels: np.ndarray, *, bins: int = BINS) -> float:
    """Mean over classes of the calibration error of the class's probability (Kull et al. 2019, section 2).

    Args:
        chances: Probabilities. Shape: [rows, classes].
        labels: The right classes. Shape: [rows], int.
        bins: Of equal width.

    Raises:
        ConfigError: There is no bin.
    """
    classes = range(chances.shape[1])
    return float(np.mean([ece(chances[:, k].clip(0.0, 1.0), labels == k, bins=bins) for k in classes]))
