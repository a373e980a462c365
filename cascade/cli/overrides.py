"""Settings of a config on the command line: `--section.key value`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer

EXTRA = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Settings of a command that takes overrides."""


def parse_overrides(arguments: Sequence[str]) -> dict[str, Any]:
    """Values by dotted key; each is read as JSON where it is JSON, otherwise as text.

    Args:
        arguments: What is left of the command line: `--key value`, `--key=value`, or `--key` alone for true.

    Raises:
        BadParameter: An argument is no override.
    """
    overrides: dict[str, Any] = {}
    left = list(arguments)
    while left:
        option = left.pop(0)
        if not option.startswith("--"):
            raise typer.BadParameter(f"unexpected argument {option!r}; settings are written --section.key value")
        key, equals, value = option.removeprefix("--").partition("=")
        if "." not in key:
            raise typer.BadParameter(
                f"no such option: {option.split('=')[0]}; settings are written --section.key value"
            )
        if not equals:
            value = left.pop(0) if left and not left[0].startswith("--") else "true"
        overrides[key] = _value(value)
    return overrides


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
