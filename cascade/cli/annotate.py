"""`cascade annotate`: texts in, annotation out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cascade.cli.console import progress, result_console
from cascade.cli.input import stdin_lines
from cascade.cli.output import write
from cascade.errors import DataError

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

STDIN = "-"


class Format(StrEnum):
    """What annotated texts can be written as."""

    TABLE = "table"
    CONLLU = "conllu"
    JSON = "json"
    DOCBIN = "docbin"
    HTML = "html"


def annotate(
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="Texts to annotate.")] = None,
    input: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-", help="Read texts from a file, or from standard input; a blank line ends a text."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME|DIR", help="A shipped pipeline, or a folder; en_cascade_sm by default.")
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(metavar="A,B", help="Annotate these tasks only, and run only what they need.")
    ] = None,
    format: Annotated[Format, typer.Option(help="What the annotation is written as; html is a page of displaCy.")] = (
        Format.TABLE
    ),
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to a file, which appears whole or not at all.")
    ] = None,
) -> None:
    """Annotate texts with the tasks of a pipeline."""
    if format is Format.DOCBIN and output is None and sys.stdout.isatty():
        raise typer.BadParameter("a DocBin is binary: name a file with --output FILE, or redirect it")
    found = _texts(texts or [], input)
    first = next(found, None)
    if first is None:
        raise DataError(f"expected text, got none in {_source(texts or [], input)}; give words, not blanks alone")

    from cascade.cli.loading import DEFAULT, load_pipeline, switch

    nlp = load_pipeline(model or DEFAULT)
    if tasks is not None:
        switch(nlp, [name.strip() for name in tasks.split(",") if name.strip()])
    shown = output is not None or not sys.stdout.isatty()
    docs = nlp.pipe(progress(chain([first], found), "annotating", shown=shown))
    write(_written(docs, nlp, format, output), output)


def _texts(texts: list[str], source: str | None) -> Iterator[str]:
    """The texts that are not blank.

    Raises:
        BadParameter: There are two sources, or none.
        DataError: The source cannot be read.
    """
    if texts and source is not None:
        raise typer.BadParameter("give TEXT or --input, not both")
    if source is None and not texts and sys.stdin.isatty():
        raise typer.BadParameter("give TEXT, --input FILE, or text on standard input; cascade annotate --help")
    if source not in (None, STDIN):
        from cascade.data.files import read_blocks

        return ("\n".join(line for _, line in block) for block in read_blocks(str(source)))
    return (text for text in texts if text.strip()) if texts else _paragraphs(stdin_lines())


def _paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """The runs of lines between blank ones."""
    block: list[str] = []
    for line in chain(lines, [""]):
        if line.strip():
            block.append(line.rstrip("\r\n"))
        elif block:
            yield "\n".join(block)
            block = []


def _source(texts: list[str], source: str | None) -> str:
    return "TEXT" if texts else "standard input" if source in (None, STDIN) else str(source)


def _written(docs: Iterable[Doc], nlp: Language, format: Format, output: Path | None) -> Iterator[str | bytes]:
    from cascade.cli import formats
    from cascade.cli.loading import token_tasks
    from cascade.data import write_conllu

    match format:
        case Format.TABLE:
            return formats.tables(docs, result_console(file=output is not None))
        case Format.CONLLU:
            return write_conllu(docs)
        case Format.JSON:
            return formats.as_json(docs, token_tasks(nlp))
        case Format.DOCBIN:
            return formats.docbin(docs)
        case Format.HTML:
            return formats.html(docs)
