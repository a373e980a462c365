"""`cascade report conflict` and `cascade report affinity`: what tasks do to each other while they are trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cascade.cli.console import print_table, result_console
from cascade.cli.output import write_json
from cascade.cli.overrides import parse_overrides
from cascade.cli.reports import AsJson, Plot, plain
from cascade.errors import ConfigError

if TYPE_CHECKING:
    from cascade.diagnostics.affinity import AffinityReport, EdgeAffinity
    from cascade.diagnostics.conflict import Conflict
    from cascade.training import Trainer

ConfigOrRun = Annotated[
    str,
    typer.Argument(metavar="CONFIG|RUN", help="A config to train, or the folder of a run that has been measured."),
]
Output = Annotated[Path | None, typer.Option(metavar="DIR", help="Where the run goes, if one is trained.")]
Docs = Annotated[int, typer.Option(min=1, help="Documents in the batches on which it is measured.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the training that DIR holds.")]


def conflict(
    context: typer.Context,
    config: ConfigOrRun,
    output: Output = None,
    every: Annotated[int, typer.Option(min=1, help="Updates between measurements.")] = 20,
    docs: Docs = 16,
    resume: Resume = False,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """The cosine of the gradients of every two tasks, in the parameters that both reach, over the course of training.

    Below 0, a step for one task is a step back for the other. The training is as without measuring. Settings are
    changed by --section.key value, such as --cascade.trainer.epochs 2 for a part of it.
    """
    from cascade.diagnostics import conflict as measuring
    from cascade.diagnostics.plots import draw_conflict, require_plots

    if plot is not None:
        require_plots(plot)
    run = _measured(config, output, measuring.FILE)
    if run is None:
        trainer, run = _trainer(context, config), _required(output, config)
        measuring.conflict(trainer, run, every=every, docs=docs, resume=resume)
    found = measuring.read_conflict(run)
    if plot is not None:
        draw_conflict(found, plot)
    if as_json:
        write_json({"run": str(run), "pairs": plain(found)})
    else:
        print_table(f"{run}: cosine of the gradients of two tasks", _conflicts(found))


def affinity(
    context: typer.Context,
    config: ConfigOrRun,
    output: Output = None,
    every: Annotated[int, typer.Option(min=1, help="Updates between measurements.")] = 10,
    docs: Docs = 16,
    rate: Annotated[float, typer.Option(help="Learning rate of the steps that are tried.")] = 0.1,
    groups: Annotated[int, typer.Option(min=1, help="Groups at most into which tasks are put.")] = 2,
    resume: Resume = False,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """How much a step for one task betters each other one, and which groups and edges that suggests.

    The table shows by how many percent the loss of the task above falls when a step is taken for the task on the left.
    For an edge, `through` is what a step in the upstream node alone does downstream. Settings are changed by
    --section.key value.
    """
    from cascade.diagnostics import affinity as measuring
    from cascade.diagnostics.plots import draw_affinity, require_plots

    if plot is not None:
        require_plots(plot)
    run = _measured(config, output, measuring.FILE)
    if run is None:
        trainer, run = _trainer(context, config), _required(output, config)
        measuring.affinity(trainer, run, every=every, docs=docs, rate=rate, groups=groups, resume=resume)
    found = measuring.read_affinity(run, groups=groups)
    if plot is not None:
        draw_affinity(found, plot)
    if as_json:
        write_json({"run": str(run), **plain(found)})
    else:
        print_table(f"{run}: how much a step for a task (left) betters another one (above), %", _matrix(found))
        if found.edges:
            result_console().print(_edges(found.edges))
        result_console().print(_groups(found))


def _measured(config: str, output: Path | None, file: str) -> Path | None:
    """The folder of a run that has been measured, if that is what is named."""
    if not (Path(config) / file).is_file():
        return None
    if output is not None:
        raise ConfigError(f"{config} is a run that has been measured: --output is for a config that is to be trained")
    return Path(config)


def _trainer(context: typer.Context, config: str) -> Trainer:
    from cascade.config import read_config, trainer_from_config

    return trainer_from_config(read_config(config, parse_overrides(context.args)))


def _required(output: Path | None, config: str) -> Path:
    if output is None:
        raise ConfigError(f"name the folder of the run in which {config} is trained, with --output DIR")
    return output


def _conflicts(found: Sequence[Conflict]) -> Table:
    table = Table("task", "task", header_style="bold")
    for name in ("mean", "first", "last", "below 0", "measurements"):
        table.add_column(name, justify="right")
    for own in sorted(found, key=lambda own: own.mean):
        values = (f"{value:+.3f}" for value in (own.mean, own.cosines[0], own.cosines[-1]))
        cells = (escape(own.first), escape(own.second), *values)
        table.add_row(*cells, f"{100 * own.negative:.0f} %", str(len(own.cosines)))
    return table


def _matrix(found: AffinityReport) -> Table:
    values = {(own.source, own.target): own for own in found.pairs}
    table = Table("", header_style="bold")
    for target in found.tasks:
        table.add_column(escape(target), justify="right")
    for source in found.tasks:
        cells = (values.get((source, target)) for target in found.tasks)
        table.add_row(escape(source), *("-" if own is None else _percent(own.mean) for own in cells))
    return table


def _edges(found: Sequence[EdgeAffinity]) -> Table:
    table = Table("upstream", "downstream", header_style="bold")
    for name in ("shared, %", "through, %", "edge", "suggested"):
        table.add_column(name, justify="right")
    for own in found:
        values = ("-" if each is None else _percent(each.mean) for each in (own.shared, own.through))
        there = "there" if own.exists else "not there"
        table.add_row(escape(own.upstream), escape(own.downstream), *values, there, _advice(own))
    return table


def _advice(own: EdgeAffinity) -> str:
    if own.suggested:
        return "keep" if own.exists else "[bold]try[/]"
    return "[bold red]drop?[/]" if own.through is not None and own.through.harmful else ""


def _groups(found: AffinityReport) -> Table:
    table = Table("train together", "for", header_style="bold")
    table.add_column("score, %", justify="right")
    for own in found.groups:
        table.add_row(escape(", ".join(own.tasks)), escape(", ".join(own.serves)), _percent(own.score))
    return table


def _percent(value: float) -> str:
    return f"{100 * value:+.2g}"
