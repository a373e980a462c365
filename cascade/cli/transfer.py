"""`cascade report transfer`: a cascade beside the single-task baselines of its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.table import Table

from cascade.cli.ablate import (
    Config,
    Jobs,
    Output,
    Seeds,
    Test,
    counted,
    failed,
    numbers,
    require_success,
    spread,
    tell,
)
from cascade.cli.console import print_table, result_console
from cascade.cli.output import write_json
from cascade.cli.overrides import parse_changes, parse_overrides
from cascade.cli.reports import AsJson, Plot, plain

if TYPE_CHECKING:
    from cascade.diagnostics.transfer import Cost, Transfer, TransferReport

MIB = 2**20


def transfer(
    context: typer.Context,
    config: Config,
    output: Output,
    seeds: Seeds = 3,
    test: Test = None,
    jobs: Jobs = None,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Every task in the cascade beside its own single-task baseline: what is won and lost, and what it costs.

    A baseline has the same encoder, data, settings and epochs; edges into the task are taken out, but for those that
    tell where sentences end. It is trained with each seed, as the cascade is. Negative transfer: the 95 % interval of
    the difference over seeds lies below 0. Settings are changed by --section.key value; called again with the same
    DIR, it goes on where it was.
    """
    from cascade.diagnostics.plots import draw_transfer, require_plots
    from cascade.diagnostics.transfer import transfer as transferred

    if plot is not None:
        require_plots(plot)
    found = transferred(
        config,
        output,
        seeds=seeds,
        test=None if test is None else parse_changes(test),
        overrides=parse_overrides(context.args),
        jobs=jobs,
        told=tell,
    )
    if plot is not None:
        draw_transfer(found.tasks, plot)
    if as_json:
        tasks = [{**plain(own), "verdict": own.verdict} for own in found.tasks]
        rest = {"config": config, "output": str(output), "failures": failed(found.failures)}
        write_json({**plain(found), **rest, "tasks": tasks})
    else:
        _print(config, found)
    require_success(found.failures)


def _print(config: str, found: TransferReport) -> None:
    for split in dict.fromkeys(own.single.split for own in found.tasks):
        own = [each for each in found.tasks if each.single.split == split]
        print_table(f"{config} on {split}, {counted(len(found.seeds))}", _table(own))
    if found.cascade is not None and found.separate is not None:
        result_console().print(_costs(found.cascade, found.separate))
    for name in found.without:
        result_console().print(f"{name}: no baseline, it cannot be without all the others", soft_wrap=True)


def _table(entries: list[Transfer]) -> Table:
    table = Table("task", "metric", "alone with", header_style="bold")
    for name in ("alone", "cascade", "difference", "95 % interval", "p (Holm)", "p (docs, Holm)", ""):
        table.add_column(name, justify="right")
    for own in entries:
        task = own.single.task
        others = ", ".join(name for name in own.baseline if name != task) or "-"
        verdict = own.verdict if own.verdict != "negative transfer" else f"[bold red]{own.verdict.upper()}[/]"
        names = map(escape, (task, own.single.metric, others))
        table.add_row(*names, spread(own.single), spread(own.cascade), *numbers(own.cascade.delta), verdict)
    return table


def _costs(cascade: Cost, separate: Cost) -> Table:
    table = Table("cost", header_style="bold")
    for name in ("cascade", f"{separate.models} separate models", "cascade / separate"):
        table.add_column(name, justify="right")
    lines = {
        "parameters": ("parameters", 1, ",.0f"),
        "weights, MiB": ("bytes", MIB, ",.1f"),
        "largest process in training, MiB": ("training_memory", MIB, ",.0f"),
        "training, s a seed": ("training_seconds", 1, ",.1f"),
        "words/s": ("words_per_second", 1, ",.0f"),
    }
    for label, (key, unit, form) in lines.items():
        one, other = getattr(cascade, key) / unit, getattr(separate, key) / unit
        table.add_row(label, f"{one:{form}}", f"{other:{form}}", f"{one / other:.2f}")
    return table
