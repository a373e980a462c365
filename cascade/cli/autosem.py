"""`cascade autosem`: which auxiliary tasks help a main one, and in what ratio to mix them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cascade.cli.console import print_table
from cascade.cli.output import write_json
from cascade.cli.overrides import parse_overrides
from cascade.cli.reports import AsJson

if TYPE_CHECKING:
    from cascade.training import Trainer
    from cascade.training.autosem import Mixture


def autosem(
    context: typer.Context,
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A config file, or the name of a shipped pipeline.")],
    main: Annotated[str, typer.Option(metavar="TASK", help="The task that the others are to help.")],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where the runs go; called again, it goes on there.")],
    evaluations: Annotated[
        int, typer.Option(min=1, help="Of the selection: as often, a task is chosen, trained and judged.")
    ] = 30,
    length: Annotated[int, typer.Option(min=1, help="Batches between two evaluations, in both stages.")] = 100,
    keep: Annotated[float, typer.Option(help="A task is kept whose utility is above this.")] = 0.5,
    rounds: Annotated[int, typer.Option(min=1, help="Ratios that are tried at most.")] = 10,
    largest: Annotated[int, typer.Option(min=1, help="The largest number in a ratio.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Choose auxiliary tasks for a main one, then the ratio in which to mix them (Guo et al. 2019).

    The schedule of CONFIG gives way to Thompson sampling over tasks, and then to one ratio after another, which a
    Gaussian process proposes; each ratio is trained for the epochs of CONFIG, and judged by the best dev score of the
    main task. The model that has it is in DIR/mixing/RATIO/best_by_task/TASK. Settings are changed by
    --section.key value.
    """
    overrides = parse_overrides(context.args)

    from cascade.config import corpora_from_config, read_config, trainer_from_config
    from cascade.training.autosem import autosem as search
    from cascade.training.sampling import Thompson
    from cascade.training.schedules import Mixed, Sampled

    settings = read_config(config, overrides)
    corpora = corpora_from_config(settings)

    def trainer() -> Trainer:
        # What belongs to a schedule goes with it.
        made = trainer_from_config(settings, corpora)
        return replace(made, clips={}, evaluate_every=1, evaluate_steps=None, best_by_task=True)

    def mixing(ratio: dict[str, int]) -> Trainer:
        made = trainer()
        return replace(made, schedule=Mixed(ratio=ratio, batches=made.schedule.batches, length=length))

    first = trainer()
    bandit = Sampled(sampling=Thompson(main=main, seed=first.seed), batches=first.schedule.batches, length=length)
    selection = replace(first, schedule=bandit, epochs=evaluations, patience=None, vote=False)
    found = search(selection, mixing, output, keep=keep, rounds=rounds, largest=largest, seed=first.seed)
    best = found.folder / "best_by_task" / main
    if as_json:
        tried = [{"ratio": dict(zip(found.tasks, r, strict=True)), "score": s} for r, s in found.tried.items()]
        kept = {"utilities": found.utilities, "tasks": found.tasks, "tried": tried, "ratio": found.ratio}
        write_json({"model": str(best), **kept})
    else:
        print_table(f"what helps {main}", _utilities(found, main))
        print_table(f"ratios, by the best dev score of {main}; the best model: {best}", _ratios(found))


def _utilities(found: Mixture, main: str) -> Table:
    table = Table("task", "utility", "", header_style="bold")
    for task, utility in sorted(found.utilities.items(), key=lambda item: -item[1]):
        verdict = "main task" if task == main else "kept" if task in found.tasks else "left out"
        table.add_row(escape(task), f"{utility:.3f}", verdict)
    return table


def _ratios(found: Mixture) -> Table:
    table = Table(*map(escape, found.tasks), "score", header_style="bold")
    for column in table.columns:
        column.justify = "right"
    for ratio, score in sorted(found.tried.items(), key=lambda item: -item[1]):
        table.add_row(*map(str, ratio), f"{score:.4f}")
    return table
