"""`cascade models`: the shipped pipelines."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cascade.cli.console import result_console
from cascade.cli.output import write_json


def models(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the shipped pipelines: what they do, whether weights are shipped, and what they scored, by split."""
    from cascade.config import shipped

    listed = [_describe(pipeline) for pipeline in shipped().values()]
    if as_json:
        write_json(listed)
        return
    table = Table("name", "what", "weights", "scores", header_style="bold")
    for model in listed:
        scores = "\n".join(
            f"{split}: {key} {value:.4f}" for split, own in model["scores"].items() for key, value in own.items()
        )
        weights = "shipped" if model["weights"] else f"cascade train {model['name']}"
        table.add_row(*map(escape, (model["name"], model["description"], weights, scores)))
    result_console().print(table)


def _describe(pipeline: Any) -> dict[str, Any]:
    from cascade.storage import read_meta

    meta = read_meta(pipeline.model) if pipeline.has_weights else {"scores": {}}
    return {
        "name": pipeline.name,
        "description": pipeline.description,
        "folder": str(pipeline.folder),
        "weights": pipeline.has_weights,
        "scores": meta["scores"],
    }
