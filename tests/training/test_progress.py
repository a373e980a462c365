from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from cascade.training.progress import Display

ROW: dict[str, Any] = {
    "epoch": 2, "step": 40, "losses": {"tags": 0.25, "sents": 1.5}, "keys": {"tags": "tag_acc"},
    "main": {"tags": 0.9031}, "score": 0.9031,
}  # fmt: skip


def show(*, terminal: bool) -> str:
    text = io.StringIO()
    display = Display(Console(file=text, force_terminal=terminal, width=100))
    with display.shown():
        display.start(1, 5, 20)
        display.advance()
        display.row(ROW, best=True)
    return text.getvalue()


def test_a_line_for_every_task_and_one_for_the_total() -> None:
    lines = show(terminal=False).splitlines()
    assert [line.split() for line in lines] == [
        ["epoch", "step", "task", "loss", "dev", "score"],
        ["2", "40", "tags", "0.2500", "tag_acc", "90.31"],
        ["2", "40", "sents", "1.5000"],
        ["2", "40", "total", "90.31", "best"],
    ]
    assert lines[1].index("tag_acc") == lines[3].index("total") == lines[0].index("dev score")


def test_the_bar_is_for_terminals() -> None:
    assert "6/20" in show(terminal=True)
    assert "6/20" not in show(terminal=False)
