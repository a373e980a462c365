"""Results to standard output, or to a file that appears whole or not at all."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from cascade.errors import ConfigError, TrainingError


def write(parts: Iterable[str | bytes], path: Path | None) -> None:
    """Write text or bytes as they come.

    Args:
        parts: Pieces of the whole.
        path: The file; standard output when None.

    Raises:
        ConfigError: The file cannot be written. What stood there before is untouched.
    """
    if path is None:
        for part in parts:
            sys.stdout.write(part) if isinstance(part, str) else sys.stdout.buffer.write(part)
            sys.stdout.flush()
    else:
        _write_file(parts, path)


def write_json(value: Any) -> None:
    """Print a value as JSON; numpy's numbers become Python's."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=float))


def require_free(folder: Path, *, resume: bool) -> None:
    """See that the folder of a run is a new one, or is to be gone on with.

    Raises:
        TrainingError: Something is there already.
    """
    if not resume and folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise TrainingError(f"{folder} is there already: go on with --resume, or name a new folder with --output")


def _write_file(parts: Iterable[str | bytes], path: Path) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder")
        with fresh.open("wb") as file:
            for part in parts:
                file.write(part.encode("utf8") if isinstance(part, str) else part)
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror or error}; name a file in a folder that is there and may be written"
        ) from error
    finally:
        with suppress(OSError):
            fresh.unlink()
