"""`cascade graph`: the task graph of a model or a config, as a table, as text, as a picture."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from cascade.cli.console import as_text, result_console
from cascade.cli.output import write
from cascade.errors import ConfigError

if TYPE_CHECKING:
    from cascade.graph import TaskGraph


class Format(StrEnum):
    """What a graph can be drawn as."""

    TABLE = "table"
    MERMAID = "mermaid"
    DOT = "dot"
    PNG = "png"


def graph(
    source: Annotated[
        str, typer.Argument(metavar="MODEL|CONFIG", help="A shipped pipeline, a model's folder, or a config file.")
    ],
    format: Annotated[Format, typer.Option(help="What to draw; a png needs --output.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write to a file.")] = None,
) -> None:
    """Draw the task graph of a model or a config."""
    if format is Format.PNG and output is None:
        raise typer.BadParameter("a png needs a place: name a file with --output FILE")
    found = _graph(source)
    drawn = found.draw(format.value) if format is not Format.PNG else _picture(found)
    console = result_console(file=output is not None)
    write([drawn if isinstance(drawn, str | bytes) else as_text(drawn, console)], output)


def _graph(source: str) -> TaskGraph:
    from cascade import storage
    from cascade.config import find, model_from_config, read_config, shipped

    if source in shipped() or Path(source).is_file():
        return model_from_config(read_config(source)).graph
    return storage.load(find(source)).graph


def _picture(graph: TaskGraph) -> bytes:
    with TemporaryDirectory() as scratch:
        try:
            picture: Path = graph.draw("png", path=Path(scratch) / "graph.png")
        except ImportError as error:
            raise ConfigError(f"a png needs matplotlib ({error}): pip install cascade-nlp[plots]") from error
        return picture.read_bytes()
