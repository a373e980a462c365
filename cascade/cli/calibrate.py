"""`cascade calibrate`: how a model's answers are chosen and when none is given, fitted on gold questions."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from cascade.cli.console import print_table, progress, result_console
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


def calibrate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's folder, or a shipped pipeline.")],
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="Questions in SQuAD's format that the model was not trained on."),
    ],
    titles: Titles = None,
    part: Part = None,
    limit: Limit = None,
    index: IndexFolder = None,
    rule: Annotated[
        str,
        typer.Option(
            metavar="f1|precision=P",
            help="When no answer is given: as makes F1 highest, or so that a part P of the answers given is right.",
        ),
    ] = "f1",
    calibration: Annotated[Method, typer.Option(help="How probabilities are calibrated.")] = Method.PLATT,
    as_json: Annotated[bool, typer.Option("--json", help="Print the settings as JSON.")] = False,
) -> None:
    """Fit how stages are weighed, how sure answers are, and when none is given.

    Every question is asked of its own paragraph, and with --index once more of what is found there, so that the
    settings serve both. They are written into the model's folder as answering.json. To learn when there is no answer
    takes questions without one.
    """
    from cascade.answering.evaluation import fit_settings
    from cascade.answering.questions import QuestionAnswering
    from cascade.answering.settings import FILE
    from cascade.config import find

    chosen = parse_rule(rule)
    folder = find(model)
    asked = gold_questions(files, titles=titles, part=part, limit=limit)
    settings = fit_settings(
        QuestionAnswering.load(folder, index=index),
        given=progress(asked, "reading paragraphs"),
        open=() if index is None else progress(asked, "searching and reading"),
        rule=chosen,
        calibration=calibration.value,
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
