"""`cascade compare`: two evaluations on the same questions, tested pair by pair."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from cascade.cli.console import print_table
from cascade.cli.output import write_json
from cascade.errors import ConfigError, DataError

if TYPE_CHECKING:
    from cascade.evaluation import Comparison

Report = Annotated[str, typer.Argument(metavar="FILE", help="What cascade evaluate --reader squad --json has printed.")]


def compare(
    first: Report,
    second: Report,
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="Compare by this metric; may be repeated. By default, by all."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the resamples and permutations.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two evaluations question by question.

    The difference is the second less the first, with its interval by the paired bootstrap; p is that of a paired
    permutation test, and beside it corrected after Holm for the number of metrics. Fewer metrics cost less of that.
    """
    from cascade.evaluation import compare as compared

    a, b = _scores(first), _scores(second)
    _require_same_questions(a, b, first, second)
    if metrics:
        a, b = (_only(table, metrics, file) for table, file in ((a, first), (b, second)))
    found = compared(a, b, seed=seed)
    if as_json:
        write_json({"first": first, "second": second, "metrics": {each.metric: _plain(each) for each in found}})
    else:
        _print(found, first, second)


def _scores(file: str) -> dict[str, dict[str, float]]:
    """Scores by question and metric."""
    try:
        with open(file, encoding="utf8") as opened:
            report = json.load(opened)
        return {name: dict(question["scores"]) for name, question in report["questions"].items()}
    except OSError as error:
        raise DataError(f"cannot read it: {error.strerror or error}", path=file) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            "expected scores of questions, got none; make it with cascade evaluate MODEL FILE --reader squad --json",
            path=file,
        ) from error


def _require_same_questions(a: Mapping[str, Any], b: Mapping[str, Any], first: str, second: str) -> None:
    for own, other, here, there in ((a, b, first, second), (b, a, second, first)):
        alone = [name for name in own if name not in other]
        if alone:
            raise DataError(
                f"expected the same questions as in {there}, got {len(alone):,} of {len(own):,} that it lacks, such as "
                f"{alone[0]}; evaluate both on the same files, with the same --part and --limit",
                path=here,
            )


def _only(table: Mapping[str, Mapping[str, float]], metrics: list[str], file: str) -> dict[str, dict[str, float]]:
    known = list(dict.fromkeys(metric for scores in table.values() for metric in scores))
    if missing := [metric for metric in metrics if metric not in known]:
        raise ConfigError(f"{file} has no metric {', '.join(missing)}, only {', '.join(known)}")
    return {name: {metric: scores[metric] for metric in metrics if metric in scores} for name, scores in table.items()}


def _plain(found: Comparison) -> dict[str, Any]:
    return {**asdict(found), "difference": found.difference._asdict()}


def _print(found: list[Comparison], first: str, second: str) -> None:
    table = Table(
        "metric", "questions", "first", "second", "difference", "95 % interval", "p", "p (Holm)", header_style="bold"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for each in found:
        gap = each.difference
        table.add_row(
            each.metric,
            f"{each.questions:,}",
            f"{each.first:.4f}",
            f"{each.second:.4f}",
            f"{gap.value:+.4f}",
            f"{gap.low:+.4f} to {gap.high:+.4f}",
            f"{each.p:.4f}",
            f"{each.adjusted:.4f}",
        )
    print_table(f"first: {first}, second: {second}", table)
