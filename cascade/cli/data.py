"""`cascade data`: the public data sets that the shipped pipelines are trained on."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cascade.cli.console import result_console
from cascade.cli.output import write_json
from cascade.errors import DataError

data = typer.Typer(no_args_is_help=True, help="List, fetch and find the public data sets.")


@data.command("list")
def list_sets(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the data sets: licence, source, and where each file lies on this machine."""
    listed = _listed()
    if as_json:
        write_json(listed)
        return
    table = Table("name", "licence", "place", header_style="bold")
    for dataset in listed:
        table.add_row(f"[bold]{escape(dataset['name'])}", escape(dataset["licence"]), escape(dataset["title"]))
        for file in dataset["files"]:
            table.add_row(f"  {escape(file['name'])}", "", escape(file["path"] or f"cascade data fetch {file['name']}"))
        table.add_section()
    result_console().print(table)


@data.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="A data set (ewt) or a file (ewt/train).")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Download data sets that are not on this machine, check them, and print where their files lie."""
    from cascade.data.downloads import fetch

    paths = [str(path) for name in names for path in fetch(name)]
    if as_json:
        write_json(paths)
    else:
        print("\n".join(paths))


@data.command()
def path(name: Annotated[str, typer.Argument(metavar="NAME", help="A file, such as ewt/train.")]) -> None:
    """Print where a file lies; downloads nothing."""
    from cascade.data.downloads import find

    print(find(name))


def _listed() -> list[dict[str, Any]]:
    from cascade.data.downloads import datasets

    return [
        {
            "name": dataset.name,
            "title": dataset.title,
            "licence": dataset.licence,
            "source": dataset.source,
            "files": [
                {"name": file.name, "path": _place(file.name), "url": file.url, "sha256": file.sha256}
                for file in dataset.files
            ],
        }
        for dataset in datasets()
    ]


def _place(name: str) -> str | None:
    from cascade.data.downloads import find

    try:
        return str(find(name))
    except DataError:
        return None
