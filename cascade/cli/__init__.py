"""The command line. Each command is a file; whatever takes long to import is imported inside a command."""

from cascade.cli.app import app


def main() -> None:
    """Run the command line."""
    app()
