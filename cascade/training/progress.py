"""What a run shows: a bar while it trains, a table row for every task when it has been evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

COLUMNS = f"{'epoch':>5} {'step':>7}  {'task':<14} {'loss':>9}  {'main score':<24} {'best':>6}"


class Display:
    """Bar and table of one run.

    Args:
        console: Where they go; the bar is left out where that is no terminal.
        total: Steps of the whole run, as far as is known.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        columns = (TextColumn("epoch {task.fields[epoch]}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._epoch = self.bar.add_task("", total=None, epoch=0)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show bar and table head."""
        self.print(f"{COLUMNS}\n{'-' * len(COLUMNS)}")
        with self.bar:
            yield

    def start(self, epoch: int, done: int, total: int) -> None:
        """An epoch begins, or goes on after `done` of its steps."""
        self.bar.reset(self._epoch, total=total, completed=done, epoch=epoch + 1)

    def advance(self) -> None:
        """A step is done."""
        self.bar.advance(self._epoch)

    def row(self, row: Mapping[str, Any], *, best: bool) -> None:
        """An evaluation, as in `metrics.jsonl`."""
        for task in dict.fromkeys([*row["losses"], *row["main"]]):
            loss = f"{row['losses'][task]:9.4f}" if task in row["losses"] else f"{'-':>9}"
            score = f"{row['keys'][task]} {100 * row['main'][task]:.2f}" if task in row["main"] else "-"
            self.print(f"{row['epoch']:>5} {row['step']:>7}  {task:<14} {loss}  {score:<24}")
        if row["score"] is not None:
            self.print(f"{row['epoch']:>5} {row['step']:>7}  {'total':<14} {'':>9}  {100 * row['score']:<24.2f} {'*' if best else '':>6}")

    def print(self, text: str) -> None:
        """A line of text."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)
