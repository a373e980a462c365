"""What the tasks over whole texts and pairs share: gold and predictions in `doc.cats`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spacy.tokens import Doc
from torch import Tensor

from cascade.tasks.base import Predictions


def chosen(doc: Doc, labels: Iterable[str]) -> str | None:
    """The label of the highest value; None where no value is above 0."""
    values = {label: doc.cats[label] for label in labels if doc.cats.get(label, 0.0) > 0.0}
    return max(values, key=values.__getitem__, default=None)


def write(doc: Doc, values: Mapping[str, float], *, overwrite: bool) -> None:
    """Set categories.

    Args:
        doc: The Doc.
        values: Values by category.
        overwrite: Whether those that are there already are replaced.
    """
    doc.cats.update({key: float(value) for key, value in values.items() if overwrite or key not in doc.cats})


def decode(distribution: Tensor) -> Predictions:
    """Predictions that are probabilities alone. Shape: [rows, labels]."""
    return {"probability": distribution.float().cpu().numpy()}


def annotate(doc: Doc, labels: Sequence[str], predictions: Predictions, *, overwrite: bool) -> dict[str, Any]:
    """Set the categories that are labels to their probabilities.

    Args:
        doc: The Doc.
        labels: The labels.
        predictions: What `decode` gave for the Doc's only row.
        overwrite: See `write`.

    Returns:
        See `Task.annotate`.
    """
    (probabilities,) = predictions["probability"]
    write(doc, dict(zip(labels, probabilities, strict=True)), overwrite=overwrite)
    return {"probabilities": probabilities}
