"""What has been measured: a file of JSON that grows, and a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table

MACHINE = "machine"
SHARES = ("_acc", "_p", "_r", "_f", "_uas", "_las")


class Results:
    """Figures by subject (a pipeline), by what it was measured on, and by name.

    What the file holds already stays, except for what is measured anew; every entry has its own time.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, dict[str, dict[str, Any]]] = json.loads(path.read_text()) if path.is_file() else {}
        self.fresh: dict[str, dict[str, dict[str, Any]]] = {}

    def add(self, subject: str, setting: str, figures: Mapping[str, Any]) -> None:
        """Add figures, and write the file."""
        entry = {"measured": datetime.now().isoformat(timespec="seconds"), **figures}
        self.known.setdefault(subject, {})[setting] = entry
        self.fresh.setdefault(subject, {})[setting] = dict(figures)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.known, indent=2) + "\n")

    def table(self) -> Table:
        """What was measured now: a column for every subject, a line for every figure."""
        subjects = [subject for subject in self.fresh if subject != MACHINE]
        table = Table("setting", "figure", *subjects, header_style="bold")
        for column in table.columns[2:]:
            column.justify = "right"
        for setting, figure in self._lines(subjects):
            cells = (self.fresh[subject].get(setting, {}).get(figure) for subject in subjects)
            table.add_row(setting, figure, *(_cell(figure, value) for value in cells))
        return table

    def _lines(self, subjects: Sequence[str]) -> list[tuple[str, str]]:
        """Settings and figures in the order of their first appearance, what belongs together in one place."""
        settings: dict[str, dict[str, None]] = {}
        for subject in subjects:
            for setting, figures in self.fresh[subject].items():
                settings.setdefault(setting, {}).update(dict.fromkeys(figures))
        return [(setting, figure) for setting, figures in settings.items() for figure in figures]


def _cell(figure: str, value: Any) -> str:
    if not isinstance(value, int | float):
        return "" if value is None else str(value)
    if figure.endswith(SHARES):
        return f"{100 * value:.2f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"
