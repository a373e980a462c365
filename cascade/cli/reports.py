"""What the commands of `cascade report` share: the model, annotated Docs, and results as plain values."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cascade.cli.console import error_console, progress
from cascade.cli.readers import Reader, guess, read
from cascade.errors import ConfigError, DataError

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from cascade.model import CascadeModel

Limit = Annotated[int | None, typer.Option(min=1, help="So many documents at most, drawn by chance, always the same.")]
Negatives = Annotated[
    int, typer.Option(min=0, help="Of questions: passages that each gets beside its own, such as look like it.")
]
Seed = Annotated[int, typer.Option(help="Of all that is drawn by chance.")]
Plot = Annotated[
    Path | None, typer.Option(metavar="FILE.png", help="Draw a picture too; needs the extra plots.", dir_okay=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load_cascade(model: str) -> tuple[CascadeModel, Language]:
    """A cascade, and the pipeline that it is in.

    Args:
        model: A shipped pipeline, a model's folder, or any spaCy pipeline with one cascade in it.

    Raises:
        ConfigError: There is none, or several are in it.
        ModelError: It cannot be read.
    """
    from cascade.cli.loading import load_pipeline
    from cascade.components.answering import AnsweringPipe
    from cascade.components.pipe import CascadePipe

    nlp = load_pipeline(model)
    found = [pipe.module for _, pipe in nlp.pipeline if isinstance(pipe, CascadePipe | AnsweringPipe)]
    if len(found) != 1:
        raise ConfigError(
            f"{model}: expected a pipeline with one cascade, got {len(found)} among {', '.join(nlp.pipe_names)}; name "
            "the folder of one model"
        )
    return found[0], nlp


def read_docs(
    files: Sequence[str], reader: Reader | None, nlp: Language, *, limit: int | None = None, negatives: int = 0
) -> list[Doc]:
    """Annotated Docs of files.

    Args:
        files: Their paths, or names of `cascade data list`.
        reader: What they are; what their names tell when None.
        nlp: Gives vocabulary and tokenizer.
        limit: Docs that are kept.
        negatives: Passages of a question beside its own.

    Raises:
        ConfigError: The name of a file does not tell what it is.
        DataError: A file cannot be read, or there is nothing in them.
    """
    docs: list[Doc] = []
    for file in files:
        kind = reader or guess(file)
        own = _questions(file, nlp, negatives) if kind is Reader.SQUAD else read(file, kind, nlp)
        docs += progress(own, f"reading {file}")
    if not docs:
        raise DataError("expected documents, got none", path=", ".join(files))
    if limit is None or limit >= len(docs):
        return docs
    return [docs[place] for place in sorted(random.Random(0).sample(range(len(docs)), limit))]


def _questions(file: str, nlp: Language, negatives: int) -> Iterator[Doc]:
    from cascade.data import downloads, read_squad
    from cascade.retrieval.questions import asked

    return asked(nlp, read_squad(downloads.resolve(file)), negatives=negatives)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Something on a terminal that turns while nothing else can be seen."""
    console = error_console()
    if console.is_terminal:
        with console.status(what):
            yield
    else:
        yield


def plain(value: Any) -> Any:
    """A result as JSON holds it; what is no number becomes null."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [plain(own) for own in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
