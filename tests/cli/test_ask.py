"""`cascade ask`, with a model of random weights that always answers, and one that never does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import Result

from cascade.answering.questions import QuestionAnswering
from cascade.cli import ask as command
from cascade.docs import Answer
from cascade.retrieval import Index, sentence_splitter
from tests.answering.shelf import save_reader, write_texts
from tests.cli.conftest import Run
from tests.retrieval.files import pdf
from tests.retrieval.made import document, passage

WHO, WHAT = "Who mends clocks?", "What is blue?"

Ask = Callable[..., Result]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_reader(tmp_path_factory.mktemp("reader"))


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_reader(tmp_path_factory.mktemp("silent"), answers=False)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with `docs` and `my.index`."""
    monkeypatch.chdir(tmp_path)
    Index.build("my.index", write_texts(Path("docs")), encoder=None).close()
    return tmp_path


@pytest.fixture
def ask(here: Path, reader: Path, run: Run) -> Ask:
    """Runs the command on that index."""

    def invoke(*arguments: object, model: Path = reader, code: int = 0, input: str | bytes | None = None) -> Result:
        return run("ask", "my.index", *arguments, "--model", model, code=code, input=input)

    return invoke


def answered(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_json_is_what_question_answering_gives(ask: Ask, reader: Path) -> None:
    expected = QuestionAnswering.load(reader, index="my.index").ask_batch([WHO, WHAT], 2)
    found = answered(ask(WHO, WHAT, "--top-k", 2, "--json"))
    assert found == [each.to_json() for each in expected]
    for each in found:
        assert each.keys() == {"question", "answers", "no_answer_probability"}
        for answer in each["answers"]:
            assert answer.keys() >= {"text", "source", "start", "end", "confidence", "scores", "passage"}
            assert Path(answer["source"]).read_text()[answer["start"] : answer["end"]] == answer["text"]


def test_answers_stand_in_their_sentence(ask: Ask) -> None:
    (each,) = answered(ask(WHO, "--json"))
    (answer,) = each["answers"]
    question, sentence, place = ask(WHO).stdout.splitlines()
    assert question == WHO
    before, marked, after = sentence.removeprefix("  ").split("**")
    assert marked == " ".join(answer["text"].split())
    assert before + marked + after in " ".join(Path("docs/mara.txt").read_text().split())
    assert place == f"  docs/mara.txt, characters {answer['start']}:{answer['end']}, confidence 0.{place[-2:]}"


def test_no_answer(ask: Ask, silent: Path) -> None:
    lines = ask(WHO, "zzz", model=silent).stdout.splitlines()
    assert lines[0] == WHO and lines[1].startswith("  no answer (probability 0.")
    assert lines[2:] == ["", "zzz", "  no answer (probability 1.00)"]
    first, second = answered(ask(WHO, "zzz", "--json", model=silent))
    assert first["answers"] == second["answers"] == [] and second["no_answer_probability"] == 1
    assert ask("word " * 10_000).stdout.splitlines()[1] == "  no answer (probability 1.00)"


def test_explained(ask: Ask, silent: Path) -> None:
    shown = ask(WHO, "--explain").stdout
    assert "an answer is given" in shown and "retrieve" in shown and "matches clock" in shown
    shown = ask(WHO, "--explain", model=silent).stdout
    assert "no answer (probability" in shown and "no answer is given" in shown
    (each,) = answered(ask(WHO, "--explain", "--json"))
    assert each["explanation"]["answers"][0]["terms"].keys() == {"clock", "mend"}


def test_questions_are_lines_of_standard_input(ask: Ask) -> None:
    result = ask("--json", input=f"\n{WHO}\n  \r\n {WHAT} \r\n")
    assert [each["question"] for each in answered(result)] == [WHO, WHAT]
    assert result.stderr == ""
    assert ask(input=f"{WHO}\n{WHAT}\n").stdout == ask(WHO, WHAT).stdout


def test_interactive(ask: Ask) -> None:
    """Blank lines are passed over, and the end of input ends it."""
    expected = ask(WHO, WHAT).stdout
    assert ask("--interactive", input=f"\n{WHO}\n \n{WHAT}\n").stdout == expected + "\n"
    assert ask(WHO, "--interactive", input=WHAT).stdout == expected + "\n"


def test_a_terminal_is_prompted(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts: list[str] = []

    def typed(prompt: str) -> str:
        prompts.append(prompt)
        raise EOFError

    monkeypatch.setattr(command, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setattr(command, "input", typed, raising=False)
    assert ask("--interactive").stdout == "\n" and prompts == ["question> "]
    assert "questions on standard input" in ask(code=2).stderr


def test_where(ask: Ask, here: Path) -> None:
    with Index.open("my.index") as opened:
        opened.add([document("new", ["Mara mends clocks."], year=2001, draft=True)])
    for condition in ("year=2001", "draft=true", "document=new"):
        (each,) = answered(ask(WHO, "--json", "--where", condition))
        assert [answer["document"] for answer in each["answers"]] == ["new"]
    both = answered(ask(WHO, WHAT, "--json", "--where", "document=mara.txt", "--where", "document=ferry.txt"))
    assert {answer["document"] for each in both for answer in each["answers"]} <= {"mara.txt", "ferry.txt"}
    assert answered(ask(WHO, "--json", "--where", "year=2002", "--where", "draft=true"))[0]["answers"] == []


def test_budget(ask: Ask) -> None:
    (each,) = answered(ask("The ferry and Mara and Ilse", "--json", "--budget", 0.001, "--top-k", 9))
    assert len({answer["passage"] for answer in each["answers"]}) == 1


def test_pages(ask: Ask, here: Path) -> None:
    Path("docs/book.pdf").write_bytes(pdf(["Nothing here."], ["Otters whistle softly."]))
    with Index.open("my.index") as opened:
        opened.add("docs")
    assert "  docs/book.pdf, page " in ask("Which otters whistle?").stdout


def test_a_source_that_is_gone(ask: Ask) -> None:
    """Its answer is shown all the same, and the others go without a word."""
    expected = ask(WHO, WHAT, WHO)
    assert expected.stderr == ""
    Path("docs/mara.txt").unlink()
    result = ask(WHO, WHAT, WHO)
    assert result.stdout == expected.stdout
    assert result.stderr == "warning: docs/mara.txt is not there any more: the answer is shown as it was indexed\n"


@pytest.mark.parametrize(
    ("source", "there"),
    [("docs/a:b.txt", True), ("rows.jsonl:1:2", True), ("nix.jsonl:1", False), ("nix.txt", False), ("a title", True)],
)
def test_which_sources_are_there(here: Path, source: str, there: bool) -> None:
    for name in ("docs/a:b.txt", "rows.jsonl"):
        Path(name).touch()
    assert command._is_there(source) is there


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (0, 4, "Mara mends."),
        (12, 16, "She  sleeps."),
        (5, 15, "Mara mends. She  sleeps."),
        (26, 29, "Old\nclocks tick"),
    ],
)
def test_sentences(first: int, last: int, expected: str) -> None:
    text = "Mara mends. She  sleeps.\n\nOld\nclocks tick"
    start, end = command._sentence(text, first, last, sentence_splitter("en"))
    assert text[start:end] == expected


def test_terminals_show_the_span_by_its_style(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(force_terminal=True, width=80, color_system="standard")
    answer = Answer(
        text="Oslo", plain="Oslo", source="a.txt", document="a", passage="a#0", start=7, end=11, first=3, last=7
    )
    with console.capture() as captured:
        command._print_answer(answer, passage("a#0", "In Oslo."), sentence_splitter("en"), console)
    shown = captured.get()
    assert "**" not in shown and "In \x1b[1;7mOslo\x1b[0m." in shown and "confidence 1.00" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([""], "a QUESTION is blank"),
        ([WHO, " "], "a QUESTION is blank"),
        ([WHO, "--where", "year"], "--where needs KEY=VALUE, got 'year'"),
        ([WHO, "--budget", "0"], "--budget needs milliseconds above 0"),
        ([WHO, "--budget", "nan"], "--budget needs milliseconds above 0"),
        ([WHO, "--top-k", "0"], "--top-k"),
        (["--interactive", "--json"], "give no --interactive"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], message: str) -> None:
    result = run("ask", "nowhere", *arguments, code=2)
    assert message in " ".join(result.stderr.replace("│", " ").split()) and result.stdout == ""


def test_nothing_to_ask(ask: Ask, here: Path, reader: Path, run: Run) -> None:
    assert "standard input: expected questions, one a line, got none" in ask(input="\n \n", code=1).stderr
    assert "standard input: expected utf-8 text" in ask(input=b"Wer m\xf6chte?", code=1).stderr
    result = run("ask", "nowhere", WHO, "--model", reader, code=1)
    assert result.stderr.startswith("error: nowhere") and "Traceback" not in result.stderr
    Index.build("empty.index", encoder=None).close()
    result = run("ask", "empty.index", WHO, "--model", reader, code=1)
    assert result.stderr == "error: empty.index is empty: add documents with cascade index add empty.index PATH\n"
    assert "no model nix" in ask(WHO, model=Path("nix"), code=1).stderr
