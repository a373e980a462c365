from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

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
    """Whatever the terminal is said to be: a table of long cells is neither cut nor folded."""
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "dumb")
    table = Table("[bold]name[/bold]", "place")
    table.add_row(300 * "n", " ".join(100 * ["word"]))
    for console in (result_console(), result_console(file=True)):
        head, row = (line for line in as_text(table, console).splitlines() if "n" in line)
        assert 300 * "n" in row and " ".join(100 * ["word"]) in row
        assert "\x1b" not in head


def test_a_terminal_is_as_wide_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert result_console().width == 70


def test_a_table_in_a_file_is_whole(tmp_path: Path) -> None:
    """In a process of its own, without a terminal and without COLUMNS."""
    script = (
        "from rich.table import Table; from cascade.cli.console import print_table\n"
        "table = Table('name'); table.add_row('word ' * 99 + 'end'); print_table('title', table)"
    )
    with (tmp_path / "out.txt").open("w") as out:
        environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        subprocess.run([sys.executable, "-c", script], stdout=out, env=environment, check=True)
    assert "word " * 99 + "end" in (tmp_path / "out.txt").read_text()


def test_scores_are_shares_in_percent_or_plain_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    scores = {"tag_acc": 0.5, "relatedness_mse": 0.25, "words_per_second": 12345.6, "dep_las_per_type": {"nsubj": {}}}
    print_scores("tiny [x]", scores)
    shown = capsys.readouterr().out
    assert "tiny [x]" in shown and "50.00 %" in shown and "0.2500" in shown and "12,346" in shown
    assert "per_type" not in shown
