"""What a run shows: a bar while it trains, a table row for every task when it has been evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

HEAD = ("epoch", "step", "task", "loss", "dev score", "")
LAYOUT = "{:>5} {:>7}  {:<16} {:>9}  {:<18} {}"


class Display:
    """Bar and table of one run.

    Args:
        console: Where they go; the bar is left out where that is no terminal.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        columns = (TextColumn("epoch {task.fields[epoch]}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._epoch = self.bar.add_task("", total=None, epoch=0)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the table's head, and the bar while the run goes."""
        self._line(*HEAD)
        with self.bar:
            yield

    def start(self, epoch: int, done: int, total: int) -> None:
        """An epoch begins, or goes on after `done` of its updates."""
        self.bar.reset(self._epoch, total=total, completed=done, epoch=epoch + 1)

    def advance(self) -> None:
        """An update has been taken."""
        self.bar.advance(self._epoch)

    def row(self, row: Mapping[str, Any], *, best: bool) -> None:
        """An evaluation: a line for every task, and one for the figure that chooses the best model.

        Args:
            row: As in `metrics.jsonl`.
            best: Whether it is the best so far.
        """
        for task in dict.fromkeys([*row["losses"], *row["main"]]):
            loss = f"{row['losses'][task]:.4f}" if task in row["losses"] else ""
            score = f"{row['keys'][task]:<10} {_percent(row['main'].get(task))}" if task in row["main"] else ""
            self._line(row["epoch"], row["step"], task, loss, score, "")
        self._line(row["epoch"], row["step"], "", "", f"{'total':<10} {_percent(row['score'])}", "best" if best else "")

    def print(self, text: str) -> None:
        """A line of text."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _line(self, *cells: object) -> None:
        self.print(LAYOUT.format(*cells).rstrip())


def _percent(score: float | None) -> str:
    return "" if score is None else f"{100 * score:6.2f}"
