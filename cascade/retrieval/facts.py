"""Facts: what is known of a passage, as strings that a search can ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from cascade.docs import Passage, Value
from cascade.errors import ConfigError

Where = Mapping[str, Value | Sequence[Value]]


def facts(passage: Passage) -> frozenset[str]:
    """The facts of a passage: its metadata, and under these names its own `document`, `source` and `page`."""
    known = {**passage.metadata, "document": passage.document, "source": passage.source}
    if passage.page is not None:
        known["page"] = passage.page
    return frozenset(_fact(name, value) for name, value in known.items())


def conditions(where: Where | None) -> list[frozenset[str]]:
    """What a search asks for: of every set a passage must have at least one fact.

    Args:
        where: A value by name, or several of which one must hold: `{"lang": "en", "year": [2001, 2002]}`. A name is
            one of the metadata, `document`, `source` or `page`. 1 and 1.0 are equal; True is not 1.

    Raises:
        ConfigError: A value is neither text nor a number nor several of them.
    """
    return [frozenset(_fact(name, v) for v in _several(name, value)) for name, value in (where or {}).items()]


def holds(passage: Passage, required: Sequence[frozenset[str]]) -> bool:
    """Whether a passage meets conditions."""
    known = facts(passage)
    return all(known & alternatives for alternatives in required)


def _several(name: str, value: Value | Sequence[Value]) -> Sequence[Value]:
    values: list[Any] = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    wrong = [v for v in values if not isinstance(v, str | int | float | bool)]
    if wrong:
        raise ConfigError(
            f"where: {name!r} can be a text, a number, true or false, or a list of them; got {wrong[0]!r}, "
            f"a {type(wrong[0]).__name__}"
        )
    return values


def _fact(name: str, value: Value) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # Of one length however long the value is: an index drops terms beyond a limit.
    return blake2b(json.dumps([name, value]).encode(), digest_size=16).hexdigest()
