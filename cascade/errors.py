"""Every exception that the toolkit raises on purpose.

    CascadeError
    ├── GraphError      a task graph that cannot work; lists every problem at once
    ├── ConfigError     a config, a name or a folder that does not resolve
    ├── DataError       a file that cannot be read as what it should be
    ├── ModelError      weights or a saved model that do not fit
    ├── LabelError      a label that a task does not know or cannot use, or no label at all
    ├── StoreError      an index on disk that cannot be opened, searched or written
    └── TrainingError   a training run that cannot start or go on

A message says what is wrong and where, what was expected, what came, and how to mend it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class CascadeError(Exception):
    """Base of the tree; the command line prints it without a traceback and exits with 1."""


class GraphError(CascadeError):
    """A task graph that cannot work.

    Args:
        problems: One sentence per problem; all of them are shown.
    """

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class ConfigError(CascadeError):
    """A config, a name or a folder that does not resolve."""


class DataError(CascadeError):
    """A file that cannot be read.

    Args:
        message: What is wrong, what was expected, what came, and the mend.
        path: The file.
        line: Line number in the file, from 1.
    """

    def __init__(self, message: str, *, path: str | Path | None = None, line: int | None = None) -> None:
        self.path, self.line = path, line
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(where + message)


class ModelError(CascadeError):
    """Weights or a saved model that do not fit."""


class LabelError(CascadeError, ValueError):
    """A label that a task does not know or cannot use, or no label at all; a `ValueError`, as spaCy's pipes raise."""


class StoreError(CascadeError):
    """An index on disk that cannot be opened, searched or written."""


class TrainingError(CascadeError):
    """A training run that cannot start or go on."""
