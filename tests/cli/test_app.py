"""What all commands have in common: help, version, exit codes, and where errors go."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points, version

import pytest

from cascade.cli import main

COMMANDS = [
    "annotate",
    "train",
    "check",
    "evaluate",
    "compare",
    "calibrate",
    "graph",
    "package",
    "models",
    "methods",
    "report",
    "data",
    "index",
    "ask",
]


def test_version(run) -> None:
    assert run("--version").stdout == version("cascade-nlp") + "\n"


def test_help_names_every_command(run) -> None:
    shown = run("--help").stdout
    assert all(f" {command} " in shown for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_says_what_it_does(run, command: str) -> None:
    shown = run(command, "--help").stdout
    assert "Usage:" in shown and shown.count("\n") > 5


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, cascade.cli; print(*{'torch', 'spacy', 'transformers', 'click'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


@pytest.mark.parametrize("command", [["annotate", "--bogus", "x"], ["models", "extra"], ["nix"], ["data", "nix"]])
def test_wrong_usage_exits_with_2(run, command: list[str]) -> None:
    result = run(*command, code=2)
    assert result.stdout == ""
    assert command[-2 if command[0] == "annotate" else -1] in result.stderr


def test_our_errors_exit_with_1_on_stderr_without_a_traceback(run) -> None:
    result = run("data", "path", "nix", code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("error: there is no data 'nix'") and "Traceback" not in result.stderr


def test_the_script_of_the_project_is_main() -> None:
    (script,) = entry_points(group="console_scripts", name="cascade")
    assert script.load() is main
