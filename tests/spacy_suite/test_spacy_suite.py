"""spaCy's own tests, run against a cascade under the names of spaCy's factories; see `swap` and `expected`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.spacy_suite.expected import EXPECTED, Failure

ROOT = Path(__file__).parents[2]
# Beams are not swapped. The others that are left out pass and take long (2800: 1000 labels), or say nothing about us.
RUNS = {
    "tags": (["pipeline.test_tagger", "pipeline.test_morphologizer", "pipeline.test_senter"], ""),
    "lemmas": (["pipeline.test_edit_tree_lemmatizer"], ""),
    "texts": (["pipeline.test_textcat"], ""),
    "trees and spans": (["parser.test_parse", "parser.test_ner"], "not beam and not issue2800"),
    "saving": (
        ["serialize.test_serialize_pipeline", "serialize.test_serialize_language", "serialize.test_serialize_config"],
        "",
    ),
    "pipelines": (
        ["pipeline.test_pipe_methods", "pipeline.test_pipe_factories", "test_language", "test_ty"],
        "not issue1506 and not blank_languages",
    ),
    "training": (
        ["training.test_rehearse", "training.test_training", "test_cli"],
        "not issue999 and (not test_cli or init_labels or find_threshold)",
    ),
}
Outcomes = dict[str, dict[str, Any]]


def run(modules: list[str], *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run spaCy's tests in an interpreter of their own, since factories are registered once and for all."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    settings = ["-c", str(folder / "pytest.ini"), "--rootdir", str(folder), "-p", "no:cacheprovider", "-W", "ignore"]
    names = [f"spacy.tests.{module}" for module in modules]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=short", *settings, *arguments, "--pyargs", *names],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )


def swapped(modules: list[str], keyword: str, folder: Path) -> Outcomes:
    """How spaCy's tests end with our pipes under the names of its own."""
    file = folder / "outcomes.json"
    done = run(modules, "-p", "tests.spacy_suite.swap", "--outcomes", str(file), "-k", keyword, folder=folder)
    assert done.returncode in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), done.stdout + done.stderr
    outcomes: Outcomes = json.loads(file.read_text())
    print(*(f"{module}: {summary(module, outcomes)}" for module in modules), done.stdout, sep="\n")
    return outcomes


def summary(module: str, outcomes: Outcomes) -> str:
    """The tests of a module that have made a pipe of ours, counted."""
    found = [o["outcome"] for name, o in outcomes.items() if name.startswith(f"{module}::") and o["ours"]]
    return f"{len(found)} with our pipes, {found.count('passed')} passed, {found.count('failed')} failed"


def expected(name: str) -> Failure | None:
    """The entry of a test, or of all of its parameters."""
    return EXPECTED.get(name) or EXPECTED.get(name.partition("[")[0])


def problem(name: str, outcome: dict[str, Any]) -> str | None:
    """What is wrong with the outcome of a test."""
    entry = expected(name)
    if outcome["outcome"] == "failed":
        if entry is None:
            return f"{name} fails at: {outcome['at']}"
        if entry.at not in outcome["at"]:
            return f"{name} should fail at: {entry.at}, but fails at: {outcome['at']}"
    elif entry is not None:
        return f"{name} has {outcome['outcome']}: take it off the list"
    return None


@pytest.mark.parametrize("part", RUNS)
def test_spacys_own_tests_pass_but_for_those_listed(part: str, tmp_path: Path) -> None:
    modules, keyword = RUNS[part]
    outcomes = swapped(modules, keyword, tmp_path)
    problems = [found for name, outcome in outcomes.items() if (found := problem(name, outcome))]
    listed = [name for name in EXPECTED if name.partition("::")[0] in modules]
    ran = {*outcomes, *(name.partition("[")[0] for name in outcomes)}
    problems += [f"{name} is listed, but has not been run" for name in listed if name not in ran]
    idle = [module for module in modules if not any(o["ours"] for n, o in outcomes.items() if n.startswith(module))]
    problems += [f"no test of {module} makes a pipe of ours" for module in idle]
    assert not problems, "\n" + "\n".join(problems)


def test_our_entry_points_disturb_nothing(tmp_path: Path) -> None:
    """spaCy as it is, which finds and loads our factories as soon as it makes a pipeline."""
    done = run(["pipeline.test_pipe_factories", "test_ty", "test_factory_registrations"], folder=tmp_path)
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr


def test_every_listed_failure_belongs_to_a_run() -> None:
    modules = {module for modules, _ in RUNS.values() for module in modules}
    assert {name.partition("::")[0] for name in EXPECTED} <= modules
