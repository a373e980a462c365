"""Configs with changes: values replaced, sections put in or taken out, all that a pattern fits at once."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from copy import deepcopy
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from catalogue import RegistryError
from confection import Config, ConfigValidationError
from spacy.util import registry

from cascade.errors import ConfigError

Overrides = Mapping[str, Any]
"""Values by dotted key; `*` and `?` in a part of a key fit as in file names, and None takes a section out."""

Path = tuple[str, ...]


def override(config: Config, overrides: Overrides) -> Config:
    """A config with changes.

    A key may name a section or a value that the config has, a setting that it leaves to its default, or a new entry of
    a section of named parts, such as an edge or a corpus. A section that is left empty goes too, so that
    `components.*.graph.edges.*.*.labels` with None takes all edges of that name out.

    Args:
        config: As `read_config` gives it with `interpolate=False`, so that variables follow.
        overrides: The changes, one after another.

    Returns:
        A copy, interpolated.

    Raises:
        ConfigError: A key fits nothing; the message names the nearest ones. Or a variable is left that means nothing.
    """
    changed = deepcopy(config)
    for key, value in overrides.items():
        for path in _fitting(changed, key, value):
            _put(changed, path, value)
    try:
        return changed.interpolate()
    except (ConfigValidationError, ValueError) as error:
        raise ConfigError(f"with these changes it is no config. {str(error).strip()}") from error


def _fitting(config: Config, key: str, value: Any) -> list[Path]:
    """What a key fits."""
    *parts, last = key.split(".")
    sections: list[tuple[Path, Mapping[str, Any], bool]] = [((), config, False)]
    for part in parts:
        sections = [
            ((*path, name), own, made or _is_made(own))
            for path, section, made in sections
            for name, own in section.items()
            if isinstance(own, Mapping) and fnmatchcase(name, part)
        ]
    found = [(*path, name) for path, section, _ in sections for name in section if fnmatchcase(name, last)]
    if not found:
        found = [(*path, last) for path, section, made in sections if _may_have(section, last, value, made)]
    if not found:
        near = get_close_matches(key, dict.fromkeys(_keys(config)), n=3, cutoff=0.5)
        nearest = f"the nearest are {', '.join(near)}" if near else "there is nothing like it"
        raise ConfigError(f"the config has no {key}: {nearest}")
    return found


def _may_have(section: Mapping[str, Any], name: str, value: Any, made: bool) -> bool:
    """Whether a section may be given something that it does not have: a setting, or a part if it has named parts."""
    if _is_made(section):
        return name in _settings(section)
    return made and value is not None and not set("*?[") & set(name)


def _put(config: Config, path: Path, value: Any) -> None:
    """Put a value in, or take a section out, and those that are empty without it."""
    *above, last = path
    section: Any = config
    for part in above:
        section = section[part]
    if value is not None or not isinstance(section.get(last), Mapping):
        section[last] = deepcopy(value)
        return
    del section[last]
    if above and not section:
        _put(config, tuple(above), None)


def _is_made(section: Mapping[str, Any]) -> bool:
    """Whether a section names a registered function."""
    return any(key.startswith("@") for key in section)


def _settings(section: Mapping[str, Any]) -> list[str]:
    """What the function takes that a section names."""
    name = next(key for key in section if key.startswith("@"))
    try:
        function = registry.get(name.removeprefix("@"), section[name])
    except (RegistryError, ValueError):
        return []
    return list(inspect.signature(function).parameters)


def _keys(section: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Every key that may be set."""
    settings = _settings(section) if _is_made(section) else []
    for name in dict.fromkeys([*section, *settings]):
        yield before + name
        if isinstance(section.get(name), Mapping):
            yield from _keys(section[name], f"{before}{name}.")
