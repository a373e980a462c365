"""A run that ends in the middle, as if its process had been killed or by killing it, and what it has left."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cascade.training.updates import Updates

Take = Callable[..., None]


def written(folder: Path) -> dict[str, bytes]:
    """Everything that a run has left."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


class Killed(Exception):
    """The process ends here."""


def kill(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let the next run end before one of its updates."""

    def end() -> None:
        raise Killed

    monkeypatch.setattr(Updates, "take", _mortal(after, end))


def kill_for_good(after: int) -> None:
    """Let this process be killed before one of the updates of its run."""
    Updates.take = _mortal(after, lambda: os.kill(os.getpid(), signal.SIGKILL))  # type: ignore[method-assign]


def _mortal(after: int, end: Callable[[], None]) -> Take:
    """`Updates.take`, which ends in the place of an update."""
    take, taken = Updates.take, []

    def mortal(self: Updates, *arguments: Any, **named: Any) -> None:
        if len(taken) == after:
            end()
        taken.append(1)
        take(self, *arguments, **named)

    return mortal
