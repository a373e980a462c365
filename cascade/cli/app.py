"""The application: all commands, the version, and what becomes of errors."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cascade.cli.ablate import ablate
from cascade.cli.annotate import annotate
from cascade.cli.ask import ask
from cascade.cli.autosem import autosem
from cascade.cli.calibrate import calibrate
from cascade.cli.check import check
from cascade.cli.compare import compare
from cascade.cli.console import show_error
from cascade.cli.data import data
from cascade.cli.evaluate import evaluate
from cascade.cli.export import export
from cascade.cli.extend import extend
from cascade.cli.fisher import fisher
from cascade.cli.graph import graph
from cascade.cli.index import index
from cascade.cli.influence import affinity, conflict
from cascade.cli.methods import methods
from cascade.cli.models import models
from cascade.cli.overrides import EXTRA
from cascade.cli.package import package
from cascade.cli.report import report
from cascade.cli.train import train
from cascade.cli.transfer import transfer
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
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Directed acyclic graphs of NLP tasks over one shared encoder."""


app.command()(annotate)
app.command(context_settings=EXTRA)(train)
app.command(context_settings=EXTRA)(extend)
app.command(context_settings=EXTRA)(fisher)
app.command(context_settings=EXTRA)(check)
app.command(context_settings=EXTRA)(ablate)
app.command(context_settings=EXTRA)(autosem)
app.command()(evaluate)
app.command()(compare)
app.command()(calibrate)
app.command()(export)
app.command()(graph)
app.command()(package)
app.command()(models)
app.command()(methods)
app.add_typer(data, name="data")
app.add_typer(index, name="index")
for command in (transfer, conflict, affinity):
    report.command(context_settings=EXTRA)(command)
app.add_typer(report, name="report")
app.command()(ask)
