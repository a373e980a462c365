from __future__ import annotations

from typing import Any

import pytest
import typer

from cascade.cli.overrides import parse_overrides


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {}),
        (["--paths.train", "a.conllu"], {"paths.train": "a.conllu"}),
        (["--paths.train=a=b.conllu"], {"paths.train": "a=b.conllu"}),
        (["--a.b", "3", "--a.c", "0.5", "--a.d", "null"], {"a.b": 3, "a.c": 0.5, "a.d": None}),
        (["--a.b", "-1"], {"a.b": -1}),
        (["--a.b", '["x", "y"]'], {"a.b": ["x", "y"]}),
        (["--a.b", "--a.c", "false"], {"a.b": True, "a.c": False}),
        (["--a.b", "1", "--a.b", "2"], {"a.b": 2}),
    ],
)
def test_values_are_json_where_they_can_be(arguments: list[str], expected: dict[str, Any]) -> None:
    assert parse_overrides(arguments) == expected


@pytest.mark.parametrize("arguments", [["--epochs", "3"], ["--epochs=3"], ["stray"], ["--a.b", "1", "stray"], ["-a.b"]])
def test_what_is_no_override_is_named(arguments: list[str]) -> None:
    with pytest.raises(typer.BadParameter, match="stray|--epochs|-a.b") as caught:
        parse_overrides(arguments)
    assert "--section.key value" in str(caught.value)
