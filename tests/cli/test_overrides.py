from __future__ import annotations

from typing import Any

import pytest
import typer

from cascade.cli.overrides import parse_changes, parse_overrides, parse_variant, parse_vary


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


def test_changes_are_json_or_text_up_to_a_comma() -> None:
    text = 'a.b=1, c.*.d = null,e.f={"x": [1, 2], "y": "p, q"}, g.h=ewt/train, i.j="k, l",m.n=1.5x'
    assert parse_changes(text) == {
        "a.b": 1,
        "c.*.d": None,
        "e.f": {"x": [1, 2], "y": "p, q"},
        "g.h": "ewt/train",
        "i.j": "k, l",
        "m.n": "1.5x",
    }
    assert parse_variant("no labels : a.b=null") == ("no labels", {"a.b": None})
    assert parse_vary('a.b=0.1,text,{"@x": "y"},true') == ("a.b", [0.1, "text", {"@x": "y"}, True])


@pytest.mark.parametrize("text", ["a.b", "a=1", "a.b=1, c d.e=2", "=1"])
def test_what_is_no_change(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected section.key=value"):
        parse_changes(text)


@pytest.mark.parametrize("text", ["a.b=1", ": a.b=1", "name:", "a.b=x:y"])
def test_what_is_no_variant(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected 'NAME: "):
        parse_variant(text)


@pytest.mark.parametrize("text", ["a.b", "a.b=", "a=1,2"])
def test_what_does_not_vary(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected section.key=value,value"):
        parse_vary(text)
