"""The application that the commands belong to, and what becomes of errors."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cascade.cli.console import show_error
from cascade.errors import CascadeError


class Commands(TyperGroup):
    """A group of commands that prints the toolkit's own errors and exits with 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except CascadeError as error:
            show_error(error)
            raise typer.Exit(1) from error


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(version("cascade-nlp"))
        raise typer.Exit


@app.callback()
def cascade(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Directed acyclic graphs of NLP tasks over one shared encoder."""
