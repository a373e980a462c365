"""`cascade fisher`: how much what a model has learned depends on each of its weights."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Annotated

import typer

from cascade.cli.extend import Trained
from cascade.cli.overrides import parse_overrides
from cascade.cli.reports import working


def fisher(
    context: typer.Context,
    model: Trained,
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="The config that it was trained with.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Where it goes, such as old.fisher.safetensors.")],
    task: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Of this task; may be repeated. By default, of all.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many training documents at most, drawn by chance.")] = 500,
    seed: Annotated[int, typer.Option(help="Of that draw.")] = 0,
) -> None:
    """Measure the Fisher information of a model's tasks on its training data, for cascade.Elastic.v1.

    Settings of the config are changed by --section.key value, as for train.
    """
    overrides = parse_overrides(context.args)

    from cascade import storage
    from cascade.config import find, read_config, trainer_from_config
    from cascade.training.regularizers import measure_fisher, save_fisher

    known = storage.load(find(model))
    corpora = trainer_from_config(read_config(config, overrides)).corpora
    docs = [doc for corpus in corpora for doc in corpus.train]
    chosen = random.Random(seed).sample(docs, min(limit, len(docs)))
    with working("measuring Fisher information"):
        found = measure_fisher(known, chosen, task)
    save_fisher(found, output)
    print(f"{output}: of {len(found):,} weights and {len(chosen):,} documents")
