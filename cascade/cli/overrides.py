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


def parse_changes(text: str) -> dict[str, Any]:
    """Values by dotted key; see `parse_overrides`.

    Args:
        text: `KEY=VALUE, KEY=VALUE`; a value that is no JSON ends at the next comma.

    Raises:
        BadParameter: It is something else.
    """
    changes: dict[str, Any] = {}
    while text.strip():
        key, equals, text = text.partition("=")
        if not equals or "." not in key or " " in key.strip():
            raise typer.BadParameter(f"expected section.key=value, got {key.strip()!r}")
        changes[key.strip()], text = _first(text)
    return changes


def parse_variant(text: str) -> tuple[str, dict[str, Any]]:
    """The name of a variant and its changes.

    Args:
        text: `NAME: KEY=VALUE, KEY=VALUE`.

    Raises:
        BadParameter: It is something else.
    """
    name, colon, changes = text.partition(":")
    if not colon or not name.strip() or "=" in name or not changes.strip():
        raise typer.BadParameter(f"expected 'NAME: section.key=value, ...', got {text!r}")
    return name.strip(), parse_changes(changes)


def parse_vary(text: str) -> tuple[str, list[Any]]:
    """A dotted key and its values.

    Args:
        text: `KEY=VALUE,VALUE`.

    Raises:
        BadParameter: It is something else.
    """
    key, _, rest = text.partition("=")
    if "." not in key or not rest.strip():
        raise typer.BadParameter(f"expected section.key=value,value, got {text!r}")
    values = []
    while rest.strip():
        value, rest = _first(rest)
        values.append(value)
    return key.strip(), values


def _first(text: str) -> tuple[Any, str]:
    """The value with which a text begins, and what comes after its comma."""
    text = text.lstrip()
    try:
        value, end = json.JSONDecoder().raw_decode(text)
        rest = text[end:].lstrip()
        if not rest or rest.startswith(","):
            return value, rest[1:]
    except ValueError:
        pass
    word, _, rest = text.partition(",")
    return word.strip(), rest


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
