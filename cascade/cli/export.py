"""`cascade export`: a model's reader for transformers."""

from __future__ import annotations

from typing import Annotated

import typer


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's folder, or a shipped pipeline.")],
    folder: Annotated[str, typer.Argument(metavar="DIR", help="A new folder.")],
) -> None:
    """Write a model's reader as a folder that AutoModelForQuestionAnswering and AutoTokenizer load.

    The README.md in it says what gets lost: the score of no answer, all other tasks, and calibration.
    """
    from cascade import storage
    from cascade.answering.export import export_reader
    from cascade.config import find

    export_reader(storage.load(find(model)), folder)
    print(f"{folder}: the reader of {model}, for AutoModelForQuestionAnswering; README.md says what gets lost")
