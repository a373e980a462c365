"""A run that ends in the middle, as if its process had been killed."""

from __future__ import annotations

from typing import Any

import pytest

from cascade.training.updates import Updates


class Killed(Exception):
    """The process ends here."""


def kill(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let the next run end before one of its updates."""
    take, taken = Updates.take, []

    def mortal(self: Updates, *arguments: Any, **named: Any) -> None:
        if len(taken) == after:
            raise Killed
        taken.append(1)
        take(self, *arguments, **named)

    monkeypatch.setattr(Updates, "take", mortal)
