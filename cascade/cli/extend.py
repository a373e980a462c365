"""`cascade extend`: a trained model with one task more, or with other data, and what it has forgotten by that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cascade.cli.console import print_scores, print_table
from cascade.cli.corpora import warn_of_reuse
from cascade.cli.output import require_free, write_json
from cascade.cli.overrides import parse_overrides
from cascade.cli.reports import plain

if TYPE_CHECKING:
    from cascade.diagnostics import Change

Trained = Annotated[str, typer.Argument(metavar="MODEL", help="The trained model: its folder, or a shipped pipeline.")]


def extend(
    context: typer.Context,
    model: Trained,
    config: Annotated[
        str, typer.Argument(metavar="CONFIG", help="A config of the new graph, its corpora, its trainer.")
    ],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where the best model, checkpoint and log go.")],
    ignore_labels: Annotated[
        bool, typer.Option("--ignore-labels", help="Pass over labels in the corpora that an old task does not know.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training that DIR holds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print scores and changes as JSON.")] = False,
) -> None:
    """Train a model further, with new tasks or on new data.

    The graph of CONFIG has all tasks of MODEL, as they are there, and perhaps others. Encoder and old tasks begin with
    their weights. What keeps them from forgetting stands in CONFIG: the trainer's frozen, or a regularizer such as
    cascade.Elastic.v1, cascade.Forgetless.v1, cascade.Anchor.v1 or cascade.Successive.v1, or a share of the old data
    among the corpora (cascade.Sample.v1; with share = 0.0, old data is only evaluated on).

    At the end, every old task's score on the dev part of every corpus is shown before and after; by document is the
    mean difference of documents with its 95 % interval, p that of a paired permutation test.
    """
    overrides = parse_overrides(context.args)
    require_free(output, resume=resume)

    from accelerate.utils import set_seed

    from cascade import storage
    from cascade.config import find, read_config, trainer_from_config
    from cascade.diagnostics import forgetting
    from cascade.training import extend as extended
    from cascade.training.processes import is_first

    old = storage.load(find(model))
    trainer = trainer_from_config(read_config(config, overrides))
    warn_of_reuse(trainer.corpora)
    set_seed(trainer.seed)
    trainer.model = extended(old, trainer.model.graph, trainer.corpora, ignore_labels=ignore_labels)
    scores = trainer.fit(output, resume=resume)
    if not is_first():
        return
    best = output / "best"
    changes = forgetting(old, storage.load(best), trainer.corpora)
    if as_json:
        write_json({"model": str(best), "before": model, "scores": {"dev": scores}, "changes": plain(changes)})
    else:
        print_scores(f"{best}, on dev", scores)
        print_table(f"old tasks on dev, before: {model}", _changes(changes))


def _changes(changes: list[Change]) -> Table:
    columns = ("corpus", "task", "score", "documents", "before", "after", "change", "by document", "p", "p (Holm)")
    table = Table(*columns, header_style="bold")
    for column in table.columns[3:]:
        column.justify = "right"
    for each in changes:
        gap = each.by_doc
        table.add_row(
            each.corpus,
            each.task,
            each.metric,
            f"{each.docs:,}",
            f"{each.before:.4f}",
            f"{each.after:.4f}",
            f"{each.delta:+.4f}",
            "" if gap is None else f"{gap.value:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})",
            *("" if p is None else f"{p:.4f}" for p in (each.p, each.adjusted)),
        )
    return table
