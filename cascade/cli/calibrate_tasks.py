"""What `cascade calibrate` does with a model that answers no questions: each task calibrated by itself."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cascade.cli.console import print_table, result_console
from cascade.cli.output import write_json
from cascade.cli.readers import Reader
from cascade.cli.reports import load_cascade, plain, read_docs, working
from cascade.errors import ConfigError

if TYPE_CHECKING:
    from cascade.diagnostics.calibrating import CalibrationReport, Effect, Fitted

_FIGURES = {"ece": "ece", "adaptive_ece": "adaptive ece", "nll": "nll", "brier": "brier"}


class Thresholds(StrEnum):
    """For what thresholds are fitted."""

    LABEL = "label"
    COMMON = "common"


def calibrate_tasks(
    folder: Path,
    files: list[str],
    *,
    task: list[str] | None,
    check: list[str] | None,
    threshold: Thresholds | None,
    edges: bool | None,
    reader: Reader | None,
    output: Path | None,
    limit: int | None,
    isotonic: bool,
    as_json: bool,
) -> None:
    """Calibrate the tasks of a model, save it, and print what that changes.

    Args:
        folder: The model's folder.
        files: With gold annotation; where nothing is named to check on, half of their Docs are kept for that.
        task: Names of tasks; all when None.
        check: Other files, where the effect is measured.
        threshold: For what thresholds are fitted, if they are.
        edges: Whether edges bring calibrated probabilities; they do when None.
        reader: What the files are; what their names tell when None.
        output: Where the model is saved; in its own place when None.
        limit: Docs at most, of the files and of those to check on.
        isotonic: Whether curves take the place of temperatures.
        as_json: Whether JSON is printed.

    Raises:
        CascadeError: Model or files cannot be read, there is too little gold, or the model cannot be saved.
    """
    from cascade.diagnostics.calibrating import calibrate
    from cascade.storage import save_calibration

    if shared := sorted({*files} & {*(check or ())}):
        raise ConfigError(f"--check {shared[0]}: what is fitted there cannot be measured there too; name another file")
    module, nlp = load_cascade(str(folder))
    docs = read_docs(files, reader, nlp, limit=limit)
    others = read_docs(check, reader, nlp, limit=limit) if check else docs[1::2]
    with working("calibrating"):
        report = calibrate(
            module,
            docs if check else docs[::2],
            tasks=task,
            method="isotonic" if isotonic else "temperature",
            edges=edges is not False,
            thresholds=None if threshold is None else threshold.value,
            check=others,
        )
    save_calibration(module, folder, output=output)
    place = output or folder
    if as_json:
        write_json({"model": str(place), "files": files, "check": check, **plain(report)})
    else:
        _print(
            report, f"{place}: fitted on {', '.join(files) if check else 'every other document of ' + ', '.join(files)}"
        )


def _print(report: CalibrationReport, title: str) -> None:
    print_table(title, _fitted_table(report.fitted))
    if report.effects:
        result_console().print(Text("what it changes, on other documents"), _effect_table(report.effects), sep="\n")


def _fitted_table(fitted: list[Fitted]) -> Table:
    table = Table("task", header_style="bold")
    for name in ("rows", "temperature", "points", "threshold"):
        table.add_column(name, justify="right")
    for own in fitted:
        limits = own.threshold if isinstance(own.threshold, tuple) else (own.threshold,)
        shown = " ".join(_shown(limit, ".3f") for limit in limits)
        points = "-" if own.points is None else str(own.points)
        table.add_row(escape(own.task), f"{own.rows:,}", _shown(own.temperature), points, shown)
    return table


def _effect_table(effects: list[Effect]) -> Table:
    table = Table("task", "", header_style="bold")
    for name in (*_FIGURES.values(), "score", "change"):
        table.add_column(name, justify="right")
    for own in effects:
        scores = own.score_before, own.score_after
        change = None if scores[0] is None or scores[1] is None else scores[1] - scores[0]
        for when, found, score in zip(("before", "after"), (own.before, own.after), scores, strict=True):
            figures = (_shown(None if found is None else getattr(found, key)) for key in _FIGURES)
            last = _shown(change, "+.4f") if when == "after" else ""
            table.add_row(escape(own.task), when, *figures, _shown(score), last)
    return table


def _shown(value: float | None, form: str = ".4f") -> str:
    return "-" if value is None else f"{value:{form}}"
