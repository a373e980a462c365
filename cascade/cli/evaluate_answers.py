"""What `cascade evaluate` does with questions: the answers of a model, scored with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from cascade.cli.console import print_table, progress, result_console
from cascade.cli.output import write_json
from cascade.cli.questions import gold_questions, require_unique

if TYPE_CHECKING:
    from cascade.answering.trials import Setting

_RATIOS = ("brier", "ece", "aurc", "mrr", "ndcg")  # all else is a part of the questions, shown in percent


def evaluate_answers(
    model: str,
    files: list[str],
    *,
    index: str | None,
    titles: str | None,
    part: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Answer the questions of files and print how good the answers are.

    Args:
        model: Name of a shipped pipeline, or a model's folder.
        files: Of SQuAD's format.
        index: Where passages are searched for; None where the gold paragraph is given.
        titles: See `gold_questions`.
        part: See `gold_questions`.
        limit: See `gold_questions`.
        as_json: Whether JSON is printed, with every question.

    Raises:
        CascadeError: Model, index or files cannot be read, or the model does not read answers.
    """
    from cascade.answering.evaluation import evaluate_answers as evaluate
    from cascade.answering.questions import QuestionAnswering

    asked = gold_questions(files, titles=titles, part=part, limit=limit)
    require_unique(asked, files)
    qa = QuestionAnswering.load(model, index=index)
    setting: Setting = "given" if index is None else "open"
    report = evaluate(qa, progress(asked, "answering"), setting=setting)
    facts = {"model": model, "files": files, "titles": titles, "part": part, "setting": setting, "index": index}
    result = {**facts, **report.to_json()}
    write_json(result) if as_json else _print(result, report.attribution.table())


def _print(result: Mapping[str, Any], outcomes: Table) -> None:
    where = f"found in {result['index']}" if result["index"] else "with the gold paragraph given"
    chosen = f" ({result['part']} of {result['titles']})" if result["part"] else ""
    table = Table("score", "value", "95 % interval", header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, each in result["scores"].items():
        table.add_row(name, _shown(name, each["value"]), f"{_shown(name, each['low'])} to {_shown(name, each['high'])}")
    title = (
        f"{result['model']} on {', '.join(result['files'])}{chosen}: {len(result['questions']):,} questions, {where}"
    )
    print_table(title, table)
    result_console().print(Text(""), outcomes, sep="\n")


def _shown(name: str, value: float) -> str:
    own = name.partition("_")[2] if name.startswith(("search_", "retrieve_")) else name
    return f"{value:.4f}" if own.startswith(_RATIOS) else f"{100 * value:.2f} %"
