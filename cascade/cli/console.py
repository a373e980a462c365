"""Where the command line writes: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import track
from rich.table import Table
from rich.text import Text

from cascade.errors import CascadeError, GraphError

T = TypeVar("T")

_WIDE = 200  # columns of a table that goes into a file or a pipe


def result_console(*, file: bool = False) -> Console:
    """A console for results: as wide as the terminal; wide and without colours where there is none.

    Args:
        file: Whether what it renders goes into a file, and not to standard output.
    """
    if file:
        return Console(file=io.StringIO(), width=_WIDE)
    return Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDE)


def as_text(drawn: RenderableType, console: Console) -> str:
    """What a console would print."""
    with console.capture() as captured:
        console.print(drawn)
    return captured.get()


def print_scores(title: str, scores: Mapping[str, Any]) -> None:
    """A table of scores; those broken down by type are left out."""
    table = Table("score", "value", title=escape(title), title_justify="left", header_style="bold")
    table.columns[1].justify = "right"
    for key, value in scores.items():
        if not isinstance(value, Mapping):
            table.add_row(key, _number(key, value))
    result_console().print(table)


def error_console() -> Console:
    """A console for progress and errors."""
    return Console(stderr=True)


def progress(items: Iterable[T], what: str, *, total: int | None = None) -> Iterable[T]:
    """Pass items on with a bar on standard error; without one where that is no terminal.

    Args:
        items: What is counted.
        what: What the bar says.
        total: How many there are, if that is known.
    """
    console = error_console()
    return track(items, what, total=total, console=console, transient=True, disable=not console.is_terminal)


def show_error(error: CascadeError) -> None:
    """An error on standard error, without a traceback; a graph's problems one by one."""
    console = error_console()
    for problem in error.problems if isinstance(error, GraphError) else [str(error)]:
        console.print(Text.assemble(("error: ", "bold red"), problem), soft_wrap=True)


def _number(key: str, value: float) -> str:
    """Shares in percent, as papers have them; all else as it is."""
    if key.endswith("_per_second"):
        return f"{value:,.0f}"
    shares = ("_acc", "_p", "_r", "_f", "_uas", "_las")
    return f"{100 * value:.2f} %" if key.endswith(shares) else f"{value:.4f}"
