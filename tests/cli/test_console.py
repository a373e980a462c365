from __future__ import annotations

import pytest
from rich.console import Console

from cascade.cli import console as module
from cascade.cli.console import as_text, print_scores, progress, result_console, show_error
from cascade.errors import DataError, GraphError


def test_every_problem_of_a_graph_is_an_error_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(GraphError(["cycle a -> b -> a", "unknown task 'c' [bold]"]))
    assert capsys.readouterr() == ("", "error: cycle a -> b -> a\nerror: unknown task 'c' [bold]\n")


def test_a_message_is_neither_wrapped_nor_marked_up(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(DataError("expected [red]words[/red] " + 300 * "x", path="a.txt", line=3))
    assert capsys.readouterr().err == f"error: a.txt:3: expected [red]words[/red] {300 * 'x'}\n"


def test_no_bar_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(3), "counting")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_a_bar_leaves_the_results_on_stdout(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "error_console", lambda: Console(stderr=True, force_terminal=True, width=80))
    for number in progress(range(2), "counting"):
        print(number)
    printed = capsys.readouterr()
    assert printed.out == "0\n1\n" and "counting" in printed.err
    list(progress(range(2), "counting", shown=False))
    assert capsys.readouterr() == ("", "")


def test_files_and_pipes_are_wide_and_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    for console in (result_console(), result_console(file=True)):
        assert console.width >= 160
        assert as_text("[bold]x[/bold]", console) == "x\n"


def test_scores_are_shares_in_percent_or_plain_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    scores = {"tag_acc": 0.5, "relatedness_mse": 0.25, "words_per_second": 12345.6, "dep_las_per_type": {"nsubj": {}}}
    print_scores("tiny [x]", scores)
    shown = capsys.readouterr().out
    assert "tiny [x]" in shown and "50.00 %" in shown and "0.2500" in shown and "12,346" in shown
    assert "per_type" not in shown
