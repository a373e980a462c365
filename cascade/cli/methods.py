"""`cascade methods`: everything that a config can name, with where it comes from."""

from __future__ import annotations

import inspect
import re
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cascade.cli.console import result_console
from cascade.cli.output import write_json
from cascade.errors import ConfigError

_YEAR = r"(?:19|20)\d\d\b[^()]*"
_INSIDE = re.compile(rf"\((?:[^()]*?, )?([A-Z][^()]*? {_YEAR})\)")
_OUTSIDE = re.compile(rf"([A-Z]\w+(?: et al\.| and [A-Z]\w+)?) \(({_YEAR})\)")


def methods(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[REGISTRY]...", help="Only these, such as cascade_schedules.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List everything that a config can name, those of installed plugins among it: tasks, edges, methods of training.

    A config writes @REGISTRY = "NAME".
    """
    import cascade.config  # noqa: F401  # registers what trains
    from cascade.registry import registries

    known = dict(sorted(registries.items()))
    if strange := [name for name in names or () if name not in known]:
        raise ConfigError(f"no registry {', '.join(strange)}: there are {', '.join(known)}")
    listed = {
        name: [describe(key, made) for key, made in sorted(own.functions().items())]
        for name, own in known.items()
        if not names or name in names
    }
    if as_json:
        write_json(listed)
        return
    table = Table("registry", "name", "what", "source", header_style="bold")
    for name, entries in listed.items():
        for number, entry in enumerate(entries):
            table.add_row("" if number else name, *map(escape, entry.values()), end_section=number == len(entries) - 1)
    result_console().print(table)


def describe(name: str, made: Any) -> dict[str, str]:
    """A registered thing by its docstring.

    Args:
        name: Its name.
        made: What is registered.

    Returns:
        `name`; `summary`, the first line; `source`, the first reference in the description, such as (Authors 2020,
        section 2) or Authors (2020). Empty where the docstring has none.
    """
    text = inspect.cleandoc(getattr(made, "__doc__", None) or "")
    if text.startswith(f"{getattr(made, '__name__', name)}("):  # what a dataclass without a docstring gets
        text = ""
    description = " ".join(re.split(r"^(?:Args|Attributes|Raises|Returns):", text, flags=re.MULTILINE)[0].split())
    return {"name": name, "summary": text.partition("\n")[0], "source": _source(description)}


def _source(description: str) -> str:
    found = [each for pattern in (_INSIDE, _OUTSIDE) if (each := pattern.search(description))]
    first = min(found, key=lambda each: each.start(), default=None)
    return " ".join(first.groups()) if first else ""
