"""Thresholds from which labels count as predicted, for tasks that decide about labels one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from cascade.nn.decoders.base import Output
from cascade.nn.rows import MISSING
from cascade.tasks import Sentences, TextClassification
from cascade.tasks.thresholds import Threshold

Mode = Literal["label", "common"]

GRID = np.linspace(0.01, 0.99, 99)
"""Common thresholds that are tried."""


@torch.no_grad()
def fit_threshold(
    task: Sentences | TextClassification, seen: Sequence[tuple[Output, Mapping[str, Tensor]]], mode: Mode
) -> Threshold:
    """Thresholds of the best F1.

    Args:
        task: The task; a label that is never right keeps its threshold.
        seen: Outputs and gold, batch by batch.
        mode: One for each `label`; or a `common` one, of the best mean F1 of the labels.
    """
    chances, gold, known = (np.concatenate(own) for own in zip(*(_table(task, *own) for own in seen), strict=True))
    if isinstance(task, Sentences):
        return best_threshold(chances[known], gold[known]) or task.threshold
    if mode == "label":
        columns = zip(chances.T, gold.T, known.T, task.thresholds.values(), strict=True)
        return tuple(best_threshold(own[there], right[there]) or before for own, right, there, before in columns)
    return float(GRID[np.argmax([_mean_f1(chances >= threshold, gold, known) for threshold in GRID])])


def best_threshold(chances: np.ndarray, right: np.ndarray) -> float | None:
    """The threshold of the best F1, halfway between two probabilities; the highest of equals.

    Args:
        chances: Probabilities. Shape: [rows].
        right: Whether each is right. Shape: [rows], bool.

    Returns:
        The threshold; None where nothing is right.
    """
    if not right.any():
        return None
    order = np.argsort(-chances, kind="stable")
    sure = chances[order].astype(float)
    taken = np.arange(1, len(sure) + 1)
    f1 = 2 * np.cumsum(right[order]) / (taken + right.sum())
    after = np.append(sure[1:], 0.0)
    f1[sure == after] = -1.0  # no threshold lies between equals
    best = int(np.argmax(f1))
    return float((sure[best] + after[best]) / 2)


def _table(
    task: Sentences | TextClassification, output: Output, targets: Mapping[str, Tensor]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, which labels are right, and of which that is known: of sentences whether one starts."""
    chances, label = task.distribution(output), targets["label"]
    if isinstance(task, Sentences):
        chances, label = chances[:, 1:], label[:, None]
    known = (label != MISSING) & output.rows.alive[:, None]
    return chances.cpu().numpy(), (label == 1).cpu().numpy(), known.cpu().numpy()


def _mean_f1(predicted: np.ndarray, gold: np.ndarray, known: np.ndarray) -> float:
    hits = (predicted & gold & known).sum(0)
    total = (predicted & known).sum(0) + (gold & known).sum(0)
    return float(np.mean(2 * hits / np.maximum(total, 1)))
