"""`cascade ask`: questions in, answers out, each in its sentence and with its place in the user's own file."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from cascade.cli.console import progress, result_console, show_warning
from cascade.cli.index import Folder
from cascade.cli.input import stdin_lines
from cascade.cli.output import write_json
from cascade.errors import DataError, StoreError

if TYPE_CHECKING:
    from cascade.answering.questions import Answers, QuestionAnswering
    from cascade.docs import Answer, Passage, Value
    from cascade.retrieval import Splitter

DEFAULT = "en_cascade_qa"
"""The model that answers when none is named."""

_SPACE = re.compile(r"\s+")
_INDENT, _WIDTH = "  ", 300


def ask(
    folder: Folder,
    questions: Annotated[
        list[str] | None, typer.Argument(metavar="QUESTION", help="Questions; else the lines of standard input.")
    ] = None,
    model: Annotated[str, typer.Option(metavar="NAME|DIR", help="A shipped model, or a model's folder.")] = DEFAULT,
    top_k: Annotated[int, typer.Option(min=1, help="Answers to a question, at most.")] = 1,
    explain: Annotated[bool, typer.Option(help="Tell why, and what each stage has said.")] = False,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Look only where this holds: metadata, document, source or page."),
    ] = None,
    budget: Annotated[float | None, typer.Option(metavar="MS", help="Time that a question may take.")] = None,
    interactive: Annotated[bool, typer.Option(help="Ask for questions until Ctrl-D.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, an array with an object per question.")] = False,
) -> None:
    """Answer questions from an index, or say that it has no answer.

    Each answer is shown in its sentence, with its file and the characters there where it stands.
    """
    if budget is not None and not budget > 0:
        raise typer.BadParameter(f"--budget needs milliseconds above 0, got {budget:g}")
    if interactive and as_json:
        raise typer.BadParameter("--json prints one array when all is answered: give no --interactive")
    required = _conditions(where or [])
    asked = _questions(questions or [], interactive=interactive)

    from cascade.answering.budget import Budget

    limit = None if budget is None else Budget(milliseconds=budget)
    qa = _load(model, folder)
    asked = progress(asked, "asking", shown=not (interactive or sys.stdout.isatty()))
    found = _warned(qa.ask(question, top_k, explain=explain, where=required, budget=limit) for question in asked)
    if as_json:
        write_json([each.to_json() for each in found])
    else:
        _print(found, qa.model.lang)


def _conditions(where: Sequence[str]) -> dict[str, list[Value]]:
    """What passages must have; of a value that reads as a number or as true or false, both are looked for."""
    required: dict[str, list[Value]] = {}
    for condition in where:
        key, equals, value = condition.partition("=")
        if not (key and equals):
            raise typer.BadParameter(f"--where needs KEY=VALUE, got {condition!r}")
        meanings: list[Value] = [value]
        with suppress(ValueError):
            meanings.append(float(value))
        if value.lower() in ("true", "false"):
            meanings.append(value.lower() == "true")
        required.setdefault(key, []).extend(meanings)
    return required


def _questions(questions: list[str], *, interactive: bool) -> Iterable[str]:
    """The questions, as they come.

    Raises:
        BadParameter: One that is an argument is blank, or there is none and nowhere to take them from.
        DataError: Standard input has none.
    """
    if not all(question.strip() for question in questions):
        raise typer.BadParameter("a QUESTION is blank: ask something")
    if interactive:
        return chain(questions, _prompted())
    if questions:
        return questions
    if sys.stdin.isatty():
        raise typer.BadParameter("give QUESTION, --interactive, or questions on standard input; cascade ask --help")
    lines = (line.strip() for line in stdin_lines() if line.strip())
    first = next(lines, None)
    if first is None:
        raise DataError("expected questions, one a line, got none", path="standard input")
    return chain([first], lines)


def _prompted() -> Iterator[str]:
    """What the user types."""
    with suppress(ImportError):
        import readline  # noqa: F401  # with which input() lets lines be edited
    while True:
        try:
            question = input("question> " if sys.stdin.isatty() else "").strip()
        except EOFError:
            print()
            return
        if question:
            yield question


def _load(model: str, folder: str) -> QuestionAnswering:
    """The model, with an index that has passages."""
    from cascade.answering.encoders import passage_encoder
    from cascade.answering.questions import QuestionAnswering
    from cascade.retrieval import Index

    index = Index.open(folder, loader=passage_encoder)
    if not len(index):
        raise StoreError(f"{folder} is empty: add documents with cascade index add {folder} PATH")
    return QuestionAnswering.load(model, index=index)


def _warned(found: Iterable[Answers]) -> Iterator[Answers]:
    """Pass answers on, with a warning for each file that is gone."""
    gone: set[str] = set()
    for answers in found:
        yield answers
        for source in dict.fromkeys(answer.source for answer in answers):
            if source not in gone and not _is_there(source):
                gone.add(source)
                show_warning(f"{source} is not there any more: the answer is shown as it was indexed")


def _is_there(source: str) -> bool:
    """Whether the file of a source is there; what was indexed from no file cannot be gone."""
    from cascade.retrieval.documents import SUFFIXES

    parts = source.split(":")  # a row has its id behind the name of its file
    names = [Path(":".join(parts[:number])) for number in range(1, len(parts) + 1)]
    files = [name for name in names if name.suffix.lower() in SUFFIXES]
    return not files or any(file.is_file() for file in files)


def _print(found: Iterable[Answers], lang: str) -> None:
    from cascade.answering.explain import render
    from cascade.retrieval import sentence_splitter

    console, sentences = result_console(), sentence_splitter(lang)
    for number, answers in enumerate(found):
        if number:
            console.print()
        console.print(Text(shorten(answers.question, _WIDTH, placeholder=" ..."), style="bold"))
        passages = {hit.id: hit.passage for hit in answers.hits}
        for answer in answers:
            _print_answer(answer, passages[answer.passage], sentences, console)
        if not answers:
            console.print(Text(f"{_INDENT}no answer (probability {answers.no_answer_probability:.2f})"))
        if answers.explanation is not None:
            console.print(render(answers.explanation))


def _print_answer(answer: Answer, passage: Passage, sentences: Splitter, console: Console) -> None:
    start, end = _sentence(passage.text, answer.first, answer.last, sentences)
    before, after = passage.text[start : answer.first], passage.text[answer.last : end]
    mark = "" if console.is_terminal else "**"
    shown = Text.assemble(
        _INDENT,
        _SPACE.sub(" ", before).lstrip(),
        (f"{mark}{_SPACE.sub(' ', answer.plain)}{mark}", "bold reverse"),
        _SPACE.sub(" ", after).rstrip(),
    )
    page = "" if answer.page is None else f", page {answer.page}"
    place = f"{answer.source}{page}, characters {answer.start}:{answer.end}"
    console.print(shown)
    console.print(Text(f"{_INDENT}{place}, confidence {answer.confidence:.2f}", style="dim"))


def _sentence(text: str, first: int, last: int, sentences: Splitter) -> tuple[int, int]:
    """The sentences of a passage that a span touches, as their first character and one past the last."""
    from cascade.retrieval import paragraphs

    found = [(a + begin, a + end) for a, b in paragraphs(text) for begin, end in sentences(text[a:b])]
    touched = [(begin, end) for begin, end in found if begin < last and first < end]
    return min([first, *(begin for begin, _ in touched)]), max([last, *(end for _, end in touched)])
