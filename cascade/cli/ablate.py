"""`cascade ablate`: a grid of changes to a config, over seeds, in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cascade.cli.console import error_console, print_table
from cascade.cli.output import write_json
from cascade.cli.overrides import parse_changes, parse_overrides, parse_variant, parse_vary
from cascade.cli.reports import AsJson, plain
from cascade.errors import ConfigError, TrainingError

if TYPE_CHECKING:
    from cascade.diagnostics.ablate import Effort, Row
    from cascade.diagnostics.comparing import Gap

Config = Annotated[str, typer.Argument(metavar="CONFIG", help="A config file, or the name of a shipped pipeline.")]
Output = Annotated[Path, typer.Option(metavar="DIR", help="Where the trainings go, each into a folder of its own.")]
Seeds = Annotated[int, typer.Option(min=1, help="With how many seeds everything is trained, from 0.")]
Jobs = Annotated[
    int | None, typer.Option(min=1, help="Trainings at a time; by default one a core, if memory allows it.")
]
Test = Annotated[
    str | None,
    typer.Option(
        metavar="CHANGES",
        help="Changes, such as 'paths.dev=ewt/test', after which the dev corpora of CONFIG are test corpora. The best "
        "models are scored there too, and nothing is chosen by it.",
    ),
]


def ablate(
    context: typer.Context,
    config: Config,
    output: Output,
    vary: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE,VALUE", help="Values of a setting; may be repeated.")
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'NAME: KEY=VALUE, ...'", help="Changes under a name, beside CONFIG as it is; may be repeated."
        ),
    ] = None,
    seeds: Seeds = 3,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The variant that others are compared with; by default the first one."),
    ] = None,
    test: Test = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """Train variants of a config with several seeds, and compare them.

    Keys may have * in the place of a part, and null takes a section out: without label embeddings is --variant
    'no labels: components.*.graph.edges.*.*.labels=null'. Several --vary, and --variant beside them, are combined.
    Settings of all variants are changed by --section.key value. Called again with the same DIR, it goes on where it
    was. p is that of a paired t-test over seeds, p (docs) of a paired permutation test over documents; both are
    corrected after Holm for all lines of the table.
    """
    from cascade.diagnostics.ablate import grid, varied

    overrides = parse_overrides(context.args)
    variants = varied(_named([parse_variant(text) for text in variant or ()]), dict(map(parse_vary, vary or ())))
    found = grid(
        config,
        variants,
        output,
        seeds=seeds,
        baseline=baseline,
        test=None if test is None else parse_changes(test),
        overrides=overrides,
        jobs=jobs,
        told=tell,
    )
    if as_json:
        write_json({"config": config, "output": str(output), **plain(found), "failures": failed(found.failures)})
    else:
        for split in dict.fromkeys(row.split for row in found.rows):
            rows = [row for row in found.rows if row.split == split]
            print_table(f"{config} on {split}, {counted(seeds)}, compared with {found.baseline!r}", _table(rows))
        if found.efforts:
            print_table("what the trainings took", _efforts(found.efforts))
    require_success(found.failures)


def tell(line: str) -> None:
    """Say on standard error that a training has ended."""
    error_console().print(escape(line), soft_wrap=True)


def counted(seeds: int) -> str:
    """A number of seeds, in words."""
    return f"{seeds} seeds" if seeds > 1 else "1 seed"


def failed(failures: Mapping[tuple[str, int], str]) -> list[dict[str, str | int]]:
    """Failures as JSON has them."""
    return [{"name": name, "seed": seed, "error": error} for (name, seed), error in failures.items()]


def require_success(failures: Mapping[tuple[str, int], str]) -> None:
    """See that no training has failed.

    Raises:
        TrainingError: Some have; it says which, and why.
    """
    if failures:
        lines = [f"{name}, seed {seed}: {error}" for (name, seed), error in failures.items()]
        raise TrainingError(
            "\n".join([f"trainings that failed: {len(lines)}; mend this, and call it again to go on:", *lines])
        )


def numbers(gap: Gap | None) -> list[str]:
    """A difference, its interval and its p-values, as a table shows them."""
    if gap is None:
        return [""] * 4
    interval = "-" if gap.low is None or gap.high is None else f"{gap.low:+.4f} to {gap.high:+.4f}"
    return [
        f"{gap.value:+.4f}",
        interval,
        *("-" if p is None else f"{p:.4f}" for p in (gap.adjusted, gap.docs_adjusted)),
    ]


def spread(row: Row) -> str:
    """Mean and standard deviation."""
    return f"{row.mean:.4f}" + ("" if row.deviation is None else f" ± {row.deviation:.4f}")


def _table(rows: Sequence[Row]) -> Table:
    table = Table("task", "metric", "variant", header_style="bold")
    for name in ("seeds", "mean ± sd", "difference", "95 % interval", "p (Holm)", "p (docs, Holm)"):
        table.add_column(name, justify="right")
    for task in dict.fromkeys(row.task for row in rows):
        for row in (row for row in rows if row.task == task):
            names = map(escape, (task, row.metric, row.variant))
            table.add_row(*names, str(len(row.scores)), spread(row), *numbers(row.delta))
        table.add_section()
    return table


def _efforts(efforts: Mapping[str, Effort]) -> Table:
    table = Table("variant", header_style="bold")
    for name in ("parameters", "updates", "ms an update", "memory, MB"):
        table.add_column(name, justify="right")
    for name, own in efforts.items():
        taken = (own.updates, 1e3 * own.seconds, own.memory / 1e6)
        table.add_row(escape(name), f"{own.parameters:,}", *(f"{number:,.0f}" for number in taken))
    return table


def _named(variants: Sequence[tuple[str, Mapping[str, object]]]) -> dict[str, Mapping[str, object]]:
    names = [name for name, _ in variants]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"--variant: {', '.join(twice)} is there twice; give each a name of its own")
    return dict(variants)
