"""`cascade report`: what a trained model does inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cascade.cli.console import print_table
from cascade.cli.evaluate import As, Files, Model
from cascade.cli.output import write_json
from cascade.cli.reports import AsJson, Limit, Negatives, Plot, Seed, load_cascade, plain, read_docs, working
from cascade.errors import ConfigError

if TYPE_CHECKING:
    from cascade.diagnostics import Calibration, EdgeReport, Propagation, Shift
    from cascade.evaluation import Interval

report = typer.Typer(
    no_args_is_help=True, help="Look into a model: its edges, whose errors cost whom, how sure it may be."
)


@report.command()
def edges(
    model: Model,
    files: Files,
    reader: As = None,
    limit: Limit = None,
    negatives: Negatives = 4,
    seed: Seed = 0,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Whether every edge is alive, and what it is worth.

    gradient: the norm of the gradient of the downstream loss through the edge on the upstream parameters; an edge that
    is detached, hard or gold has none, and none is due. moved: how far downstream predictions move, from 0 to 1, when
    what the edge reads is replaced by noise. without: the downstream score when the edge brings nothing.
    """
    from cascade import diagnostics

    _prepare(plot)
    module, nlp = load_cascade(model)
    docs = read_docs(files, reader, nlp, limit=limit, negatives=negatives)
    with working("measuring edges"):
        found = diagnostics.edges(module, docs, seed=seed)
    if not found:
        raise ConfigError(f"{model}: expected a graph with edges, got {', '.join(module.graph.names())} and none")
    _draw(plot, "draw_edges", found)
    if as_json:
        write_json({"model": model, "files": files, "docs": len(docs), "edges": plain(found)})
    else:
        print_table(f"{model} on {', '.join(files)}: {len(docs):,} documents", _edge_table(found))


@report.command()
def propagation(
    model: Model,
    files: Files,
    reader: As = None,
    share: Annotated[
        list[float] | None,
        typer.Option(
            min=0.0, max=1.0, help="A share of the upstream labels that is replaced at random; may be repeated."
        ),
    ] = None,
    limit: Limit = None,
    negatives: Negatives = 4,
    seed: Seed = 0,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Who loses what to whose errors: every task with predicted, gold and corrupted labels upstream.

    By default a tenth and three tenths of the labels are corrupted. Hidden states stay as the model computes them.
    """
    from cascade import diagnostics
    from cascade.diagnostics.injection import SHARES

    _prepare(plot)
    module, nlp = load_cascade(model)
    docs = read_docs(files, reader, nlp, limit=limit, negatives=negatives)
    shares = sorted(set(share or SHARES))
    with working("measuring error propagation"):
        found = diagnostics.propagation(module, docs, shares=shares, seed=seed)
    _draw(plot, "draw_propagation", found)
    if as_json:
        write_json({"model": model, "files": files, "docs": len(docs), "propagation": plain(found)})
    else:
        print_table(f"{model} on {', '.join(files)}: {len(docs):,} documents", _propagation_table(found, shares))


@report.command()
def calibration(
    model: Model,
    files: Files,
    fit: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Other files, on which temperatures are fitted; may be repeated."),
    ] = None,
    reader: As = None,
    limit: Limit = None,
    negatives: Negatives = 4,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Whether probabilities are right as often as they say: calibration errors, Brier score, reliability diagram.

    With --fit, also after temperature scaling. A parser's relations and its heads have a line each.
    """
    from cascade import diagnostics

    _prepare(plot)
    if shared := sorted({*files} & {*(fit or ())}):
        raise ConfigError(f"--fit {shared[0]}: what is fitted there cannot be measured there too; name another file")
    module, nlp = load_cascade(model)
    docs = read_docs(files, reader, nlp, limit=limit, negatives=negatives)
    others = read_docs(fit, reader, nlp, limit=limit, negatives=negatives) if fit else []
    with working("measuring calibration"):
        found = diagnostics.calibration(module, docs, fit=others)
    _draw(plot, "draw_calibration", found)
    if as_json:
        write_json({"model": model, "files": files, "fit": fit or [], "docs": len(docs), "tasks": plain(found)})
    else:
        print_table(f"{model} on {', '.join(files)}: {len(docs):,} documents", _calibration_table(found))


@report.command()
def shift(
    model: Model,
    inside: Annotated[
        list[str], typer.Option(metavar="FILE", help="Files of the domain that it knows; may be repeated.")
    ],
    outside: Annotated[list[str], typer.Option(metavar="FILE", help="Files of another one; may be repeated.")],
    reader: As = None,
    limit: Limit = None,
    negatives: Negatives = 4,
    resamples: Annotated[int, typer.Option(min=1, help="How often documents are drawn again.")] = 200,
    seed: Seed = 0,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Scores and calibration inside and outside of a domain, side by side, with 95 % bootstrap intervals."""
    from cascade import diagnostics

    _prepare(plot)
    module, nlp = load_cascade(model)
    home, away = (read_docs(files, reader, nlp, limit=limit, negatives=negatives) for files in (inside, outside))
    with working("measuring both domains"):
        found = diagnostics.shift(module, home, away, resamples=resamples, seed=seed)
    _draw(plot, "draw_shift", found)
    if as_json:
        sides = {"inside": inside, "outside": outside}
        write_json({"model": model, **sides, "docs": [len(home), len(away)], "tasks": plain(found)})
    else:
        names = f"inside: {', '.join(inside)}; outside: {', '.join(outside)}"
        print_table(f"{model}, {names}", _shift_table(found))


def _prepare(plot: Path | None) -> None:
    """What can go wrong with a picture goes wrong at once."""
    if plot is not None:
        from cascade.diagnostics.plots import require_plots

        require_plots(plot)


def _draw(plot: Path | None, name: str, found: Sequence[Any]) -> None:
    if plot is not None:
        from cascade.diagnostics import plots

        draw: Callable[[Sequence[Any], Path], None] = getattr(plots, name)
        draw(found, plot)


def _edge_table(found: Sequence[EdgeReport]) -> Table:
    table = Table("upstream", "downstream", "edge", header_style="bold")
    _numbers(table, "gradient", "moved", "alive", "metric", "score", "without", "worth")
    for own in found:
        gradient = "none due" if not own.differentiable and not own.gradient_norm else _shown(own.gradient_norm, ".2e")
        worth = None if own.score is None or own.ablated is None else own.score - own.ablated
        table.add_row(
            escape(own.upstream),
            escape(own.downstream),
            escape(own.edge),
            gradient,
            _shown(own.perturbation),
            {True: "yes", False: "[bold red]DEAD[/]", None: "-"}[own.alive],
            own.metric or "-",
            _shown(own.score),
            _shown(own.ablated),
            _shown(worth, "+.4f"),
        )
    return table


def _propagation_table(found: Sequence[Propagation], shares: Sequence[float]) -> Table:
    table = Table("upstream", "downstream", "metric", header_style="bold")
    _numbers(
        table, "documents", "predicted", "gold", "cost of errors", *(f"{100 * share:g} % wrong" for share in shares)
    )
    for own in found:
        table.add_row(
            escape(own.upstream or "all"),
            escape(own.downstream),
            escape(own.metric),
            f"{own.docs:,}",
            _shown(own.predicted),
            _shown(own.gold),
            _shown(own.gold - own.predicted, "+.4f"),
            *(_shown(own.corrupted.get(share)) for share in shares),
        )
    return table


def _calibration_table(found: Sequence[Calibration]) -> Table:
    table = Table("task", "", header_style="bold")
    keys = ("accuracy", "confidence", "ece", "adaptive_ece", "classwise_ece", "brier", "nll")
    _numbers(table, "rows", *(key.replace("_", " ") for key in keys))
    for own in found:
        for name, measured in (("as it is", own.before), (f"T = {own.temperature or 1:.3f}", own.after)):
            if measured is not None:
                values = (_shown(getattr(measured, key)) for key in keys)
                table.add_row(escape(own.task), name, f"{own.rows:,}", *values)
    return table


def _shift_table(found: Sequence[Shift]) -> Table:
    table = Table("task", "figure", header_style="bold")
    _numbers(table, "documents", "inside", "outside", "difference")
    for own in found:
        sides = (own.inside, own.outside)
        docs = " / ".join("-" if side is None else f"{side.docs:,}" for side in sides)
        for key, name in (("score", own.metric), ("ece", "ece"), ("brier", "brier")):
            values = [None if side is None else getattr(side, key) for side in sides]
            if any(values):
                shown = [_interval(value) for value in values]
                table.add_row(escape(own.task), name, docs, *shown, _interval(own.difference.get(key), "+.4f"))
    return table


def _numbers(table: Table, *names: str) -> None:
    for name in names:
        table.add_column(name, justify="right")


def _interval(value: Interval | None, form: str = ".4f") -> str:
    return "-" if value is None else f"{value.value:{form}} ({value.low:{form}} to {value.high:{form}})"


def _shown(value: float | None, form: str = ".4f") -> str:
    return "-" if value is None else f"{value:{form}}"
