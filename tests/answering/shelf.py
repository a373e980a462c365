"""A saved model with random weights, and documents of our own making to ask."""

from __future__ import annotations

import math
from pathlib import Path

from cascade import storage
from cascade.answering import Answering, Limits
from tests.answering.tiny import reader

TEXTS = {
    "mara.txt": "Mara mends clocks in Oslo. Nobody pays her.\n\nShe sleeps at noon.",
    "ilse.txt": "Ilse flies kites in Turku. The wind is free.",
    "ferry.txt": "The ferry is blue. It sails at nine.",
}


def save_reader(folder: Path, *, answers: bool = True) -> Path:
    """Saves a model that always gives an answer, or never does.

    Args:
        folder: A folder, in which `model` is made.
        answers: Which of the two.
    """
    storage.save(reader(folder), folder / "model")
    limit = math.inf if answers else -math.inf
    Answering(limits=Limits(refusal=limit)).save(folder / "model")
    return folder / "model"


def write_texts(folder: Path) -> Path:
    """Writes the documents into a new folder."""
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    return folder
