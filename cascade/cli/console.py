"""Where the command line writes: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from cascade.errors import CascadeError, GraphError

T = TypeVar("T")

_WIDE, _TALL = 10_000, 100  # columns and lines of a file or a pipe, which cuts off no table


def result_console(*, file: bool = False) -> Console:
    """A console for results: as wide as the terminal; where there is none, so wide that all fits, and without colours.

    Args:
        file: Whether what it renders goes into a file, and not to standard output.
    """
    if not file and sys.stdout.isatty():
        return Console()
    # Without a height, rich would ask the environment for the width too.
    return Console(file=io.StringIO() if file else None, width=_WIDE, height=_TALL)


def as_text(drawn: RenderableType, console: Console) -> str:
    """What a console would print."""
    with console.capture() as captured:
        console.print(drawn)
    return captured.get()


def print_table(title: str, table: Table) -> None:
    """A line and a table; rich would fold a title to the width of its table."""
    console = result_console()
    console.print(Text(title), soft_wrap=True)
    console.print(table)


def print_scores(title: str, scores: Mapping[str, Any]) -> None:
    """A table of scores; those broken down by type are left out."""
    table = Table("score", "value", header_style="bold")
    table.columns[1].justify = "right"
    for key, value in scores.items():
        if not isinstance(value, Mapping):
            table.add_row(key, _number(key, value))
    print_table(title, table)


def error_console() -> Console:
    """A console for progress and errors."""
    return Console(stderr=True)


def progress(items: Iterable[T], what: str, *, shown: bool = True) -> Iterator[T]:
    """Pass items on with a bar on standard error; without one where that is no terminal.

    Args:
        items: What is counted.
        what: What the bar says.
        shown: Whether there may be a bar; results that appear on the same terminal would run into it.
    """
    with bars(shown=shown) as bar:
        yield from bar.track(items, description=what)


def bars(*, shown: bool = True) -> Progress:
    """Bars on standard error; none where that is no terminal.

    Args:
        shown: See `progress`.
    """
    console = error_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    disabled = not (shown and console.is_terminal)
    # rich would send whatever is printed meanwhile to the bar's console, results among it: hence no redirection.
    return Progress(
        *columns, console=console, transient=True, disable=disabled, redirect_stdout=False, redirect_stderr=False
    )


def show_warning(message: str) -> None:
    """A warning on standard error."""
    error_console().print(Text.assemble(("warning: ", "bold yellow"), message), soft_wrap=True)


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
