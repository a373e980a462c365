"""The command line. Each command is a file; whatever takes long to import is imported inside a command."""

from cascade.cli.annotate import annotate
from cascade.cli.app import app
from cascade.cli.check import check
from cascade.cli.data import data
from cascade.cli.evaluate import evaluate
from cascade.cli.graph import graph
from cascade.cli.models import models
from cascade.cli.overrides import EXTRA
from cascade.cli.train import train

app.command()(annotate)
app.command(context_settings=EXTRA)(train)
app.command(context_settings=EXTRA)(check)
app.command()(evaluate)
app.command()(graph)
app.command()(models)
app.add_typer(data, name="data")


def main() -> None:
    """Run the command line."""
    app()
