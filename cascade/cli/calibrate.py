"""`cascade calibrate`: what makes a model's probabilities right, fitted on gold; of answers, when none is given too."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cascade.cli.calibrate_tasks import Thresholds, calibrate_tasks
from cascade.cli.console import print_table, progress, result_console
from cascade.cli.evaluate import As
from cascade.cli.output import write_json
from cascade.cli.questions import IndexFolder, Limit, Part, Titles, gold_questions
from cascade.errors import ConfigError

if TYPE_CHECKING:
    from cascade.answering import Answering, Rule


class Method(StrEnum):
    """How probabilities are calibrated."""

    PLATT = "platt"
    TEMPERATURE = "temperature"
    ISOTONIC = "isotonic"


Gold = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE",
        help="Files with gold annotation that the model was not trained on; questions, where it answers these.",
    ),
]
TaskNames = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="A task that is calibrated, else all; may be repeated.")
]
How = Annotated[
    Method | None, typer.Option(help="How probabilities are calibrated; of answers, platt, else temperature.")
]
Check = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="Where the effect is measured, else on half of the files; may be repeated."),
]
For = Annotated[
    Thresholds | None,
    typer.Option(help="Thresholds of the best F1, for labels that are decided one by one: for each, or in common."),
]
Edges = Annotated[
    bool | None,
    typer.Option("--edges/--no-edges", help="Whether label embeddings are weighed by calibrated probabilities."),
]
Output = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Save the model there, not in its own place.", file_okay=False)
]
RuleName = Annotated[
    str | None,
    typer.Option(
        metavar="f1|precision=P",
        help="When no answer is given: as makes F1 highest (the default), or so that a part P of those given is right.",
    ),
]


def calibrate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's folder, or a shipped pipeline.")],
    files: Gold,
    task: TaskNames = None,
    calibration: How = None,
    check: Check = None,
    threshold: For = None,
    edges: Edges = None,
    reader: As = None,
    output: Output = None,
    titles: Titles = None,
    part: Part = None,
    limit: Limit = None,
    index: IndexFolder = None,
    rule: RuleName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was fitted as JSON.")] = False,
) -> None:
    """Fit what makes probabilities right as often as they say.

    Of a model that answers questions, it is how stages are weighed, how sure answers are, and when none is given. Every
    question is asked of its own paragraph, and with --index once more of what is found there, so that the settings
    serve both. They are written into the model's folder as answering.json. To learn when there is no answer takes
    questions without one. --titles, --part, --index and --rule belong to it.

    Of any other model, it is what is done to the scores of each task, and to what its edges bring to others; written
    into the model's folder. --task, --check, --threshold, --edges, --reader and --output belong to it.
    """
    from cascade.config import find

    folder = find(model)
    asking: dict[str, Any] = {"titles": titles, "part": part, "index": index, "rule": rule}
    rest: dict[str, Any] = {
        "task": task,
        "check": check,
        "threshold": threshold,
        "edges": edges,
        "reader": reader,
        "output": output,
    }
    if _answers(folder):
        _refuse(rest, f"{model} answers questions")
        _calibrate_answers(folder, files, limit=limit, method=calibration or Method.PLATT, as_json=as_json, **asking)
    else:
        _refuse(asking, f"{model} answers no questions")
        if calibration is Method.PLATT:
            raise ConfigError("--calibration platt is for answers: choose temperature or isotonic")
        isotonic = calibration is Method.ISOTONIC
        calibrate_tasks(folder, files, limit=limit, isotonic=isotonic, as_json=as_json, **rest)


def _answers(folder: Path) -> bool:
    from cascade.storage import read_graph
    from cascade.tasks import Reading

    graph = read_graph(folder)
    return any(isinstance(graph.task(name), Reading) for name in graph.names())


def _refuse(options: Mapping[str, Any], why: str) -> None:
    if given := [f"--{name}" for name, value in options.items() if value is not None]:
        raise ConfigError(f"{why}: leave out {', '.join(given)}")


def _calibrate_answers(
    folder: Path,
    files: list[str],
    *,
    titles: str | None,
    part: str | None,
    limit: int | None,
    index: str | None,
    rule: str | None,
    method: Method,
    as_json: bool,
) -> None:
    from cascade.answering.evaluation import fit_settings
    from cascade.answering.questions import QuestionAnswering
    from cascade.answering.settings import FILE

    chosen = parse_rule("f1" if rule is None else rule)
    asked = gold_questions(files, titles=titles, part=part, limit=limit)
    settings = fit_settings(
        QuestionAnswering.load(folder, index=index),
        given=progress(asked, "reading paragraphs"),
        open=() if index is None else progress(asked, "searching and reading"),
        rule=chosen,
        calibration=method.value,
    )
    try:
        settings.save(folder)
    except OSError as error:
        raise ConfigError(f"cannot write {folder / FILE}: {error.strerror or error}") from error
    if as_json:
        write_json(settings.to_json())
        return
    without = sum(question.is_impossible for _, question in asked)
    where = "their paragraphs" if index is None else f"their paragraphs and of what {index} finds"
    _print(
        settings, f"{folder / FILE}: fitted on {len(asked):,} questions ({without:,} without answer), asked of {where}"
    )


def parse_rule(text: str) -> Rule:
    """The rule that an option names.

    Raises:
        ConfigError: It names none.
    """
    from cascade.answering import BestF1, Precision

    name, _, value = text.partition("=")
    if text == "f1":
        return BestF1()
    try:
        part = float(value)
    except ValueError:
        part = -1.0
    if name == "precision" and 0 <= part <= 1:
        return Precision(part)
    raise ConfigError(f"--rule {text}: expected f1, or precision with a part from 0 to 1, such as precision=0.9")


def _print(settings: Answering, title: str) -> None:
    table = Table("feature", "weight", header_style="bold")
    table.columns[1].justify = "right"
    for name, weight in settings.fusion.weights.items():
        table.add_row(name, f"{weight.weight:+.3f}")
    table.add_row("none", f"{settings.fusion.none:+.3f}")
    table.add_row("none, by passages", f"{settings.fusion.passages:+.3f}")
    print_table(title, table)
    limits = settings.limits
    said = f"no answer when log P(none) / P(right) is above {limits.refusal:.3f}, or confidence below"
    result_console().print(Text(f"{said} {limits.confidence:.3f}"), soft_wrap=True)
