"""Gold questions for commands: read from files of SQuAD's format, some articles alone, some questions alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cascade.errors import ConfigError, DataError

if TYPE_CHECKING:
    from cascade.answering.trials import Asked

Titles = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help='A JSON file with titles of articles by part, such as {"dev": ["A title"]}; see --part.'
    ),
]
Part = Annotated[str | None, typer.Option(metavar="NAME", help="The part of --titles whose articles are read.")]
Limit = Annotated[int | None, typer.Option(min=1, help="So many questions at most, drawn by chance, always the same.")]
IndexFolder = Annotated[
    str | None,
    typer.Option("--index", metavar="INDEX", help="The folder of an index in which passages are searched for."),
]


def gold_questions(
    files: Sequence[str], *, titles: str | None = None, part: str | None = None, limit: int | None = None
) -> list[Asked]:
    """The questions of files.

    Args:
        files: Their paths, or names of `cascade data list`.
        titles: A file with titles by part.
        part: The part whose articles are read.
        limit: How many questions at most, of all files together.

    Raises:
        ConfigError: One of `titles` and `part` is given without the other, or there is no such part.
        DataError: A file cannot be read.
    """
    from cascade.config import shipped_file
    from cascade.data import downloads, read_split, read_squad
    from cascade.data.squad import questions

    if (titles is None) != (part is None):
        raise ConfigError("--titles and --part go together: a file with titles by part, and the part")
    wanted = None
    if titles is not None and part is not None:
        parts = read_split(downloads.resolve(shipped_file(titles)))
        if part not in parts:
            raise ConfigError(f"{titles} has no part {part!r}, only {', '.join(parts)}")
        wanted = parts[part]
    asked = [pair for file in files for pair in questions(read_squad(downloads.resolve(file), titles=wanted))]
    if limit is None or limit >= len(asked):
        return asked
    return [asked[place] for place in sorted(random.Random(0).sample(range(len(asked)), limit))]


def require_unique(asked: Sequence[Asked], files: Sequence[str]) -> None:
    """See that no id comes twice.

    Raises:
        DataError: One does; v1.1 and v2.0 of SQuAD share most of theirs.
    """
    seen: set[str] = set()
    for _, question in asked:
        if question.id in seen:
            raise DataError(
                f"question {question.id} comes twice: evaluate on one file at a time", path=", ".join(files)
            )
        seen.add(question.id)
