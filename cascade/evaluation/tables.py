"""Scores question by question: what can be averaged, resampled and compared.

A question has only the figures that apply to it, so each is a mean over the questions that have it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Table = dict[str, dict[str, float]]
"""Scores by question id and metric."""


def join(*tables: Mapping[str, Mapping[str, float]]) -> Table:
    """One table with the questions and metrics of all; of a figure that several have, the last counts."""
    joined: Table = {}
    for table in tables:
        for question, scores in table.items():
            joined.setdefault(question, {}).update(scores)
    return joined


def columns(table: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """The table by metric, then by question id, both in order of appearance."""
    turned: dict[str, dict[str, float]] = {}
    for question, scores in table.items():
        for metric, score in scores.items():
            turned.setdefault(metric, {})[question] = score
    return turned


def means(table: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Each metric's mean over the questions that have it; a metric that no question has is absent."""
    return {metric: float(np.mean(list(column.values()))) for metric, column in columns(table).items()}
