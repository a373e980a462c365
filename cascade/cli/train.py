"""`cascade train`: a config in, a model out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cascade.cli.console import print_scores
from cascade.cli.corpora import warn_of_reuse
from cascade.cli.output import require_free, write_json
from cascade.cli.overrides import parse_overrides


def train(
    context: typer.Context,
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A config file, or the name of a shipped pipeline.")],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where the best model, checkpoint and log go.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training that DIR holds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores of the best model as JSON.")] = False,
) -> None:
    """Train a pipeline.

    Settings of the config are changed by --section.key value, such as --paths.train ewt/train. The best model is
    DIR/best; the progress goes to standard error, the scores of the best model to standard output.
    """
    overrides = parse_overrides(context.args)
    require_free(output, resume=resume)

    from cascade.config import read_config, trainer_from_config
    from cascade.training.processes import is_first

    trainer = trainer_from_config(read_config(config, overrides))
    warn_of_reuse(trainer.corpora)
    scores = trainer.fit(output, resume=resume)
    if not is_first():
        return
    best = str(output / "best")
    if as_json:
        write_json({"model": best, "scores": {"dev": scores}})
    else:
        print_scores(f"{best}, on dev", scores)
