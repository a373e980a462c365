"""The log of a run: one JSON object per evaluation, one line each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cascade.errors import TrainingError


class Metrics:
    """A file of JSON lines.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, row: dict[str, Any]) -> None:
        """Add a line.

        Raises:
            TrainingError: It cannot be written.
        """
        try:
            with self.path.open("a", encoding="utf8") as file:
                file.write(json.dumps(row, default=float) + "\n")
        except OSError as error:
            raise TrainingError(f"cannot write {self.path}: {error}; make room, then go on with resume=True") from error

    def rows(self) -> list[dict[str, Any]]:
        """All lines."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf8").splitlines()]

    def truncate(self, rows: int) -> None:
        """Keep only the first lines: those that the run had written when its checkpoint was made."""
        lines = self.path.read_text(encoding="utf8").splitlines(keepends=True) if self.path.exists() else []
        if len(lines) > rows:
            shorter = self.path.with_name(f".{self.path.name}.tmp")
            shorter.write_text("".join(lines[:rows]), encoding="utf8")
            shorter.replace(self.path)
