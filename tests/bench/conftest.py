"""What the benchmarks share: the peer, the pipelines that are there, and the results.

`CASCADE_DATA` names the folder of the data. `CASCADE_PEER` names the folder of a spaCy pipeline that was trained on the
same treebank, such as `spacy train` makes of the tagger, morphologizer and parser of `spacy init config`; without it,
what is relative to it is skipped. `CASCADE_RESULTS` names the file of the results, `runs/bench.json` by default, and
`CASCADE_THREADS` a number of threads, all cores by default.
"""

from __future__ import annotations

import faulthandler
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from cascade.config import shipped
from tests.bench.fresh import ROOT, in_fresh_process
from tests.bench.measure import machine
from tests.bench.results import MACHINE, Results

KEY = pytest.StashKey[Results]()


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest) -> Results:
    """Where the tests put what they have measured; printed at the end."""
    path = Path(os.environ.get("CASCADE_RESULTS", ROOT / "runs" / "bench.json"))
    made = request.config.stash[KEY] = Results(path)
    made.add(MACHINE, "this run", in_fresh_process(machine))
    return made


@pytest.fixture(scope="session")
def peer() -> str | None:
    """The folder of the peer."""
    return os.environ.get("CASCADE_PEER")


@pytest.fixture(scope="session")
def require_weights() -> Callable[[str], str]:
    """Skips what needs a pipeline that has no weights yet."""

    def require(pipeline: str) -> str:
        if pipeline not in shipped() or not shipped()[pipeline].has_weights:
            pytest.skip(f"no weights of {pipeline} are shipped here")
        return pipeline

    return require


@pytest.fixture(autouse=True)
def no_time_limit(request: pytest.FixtureRequest) -> None:
    """The time limit of the fast tests would end a training."""
    if {"bench", "training"} & {mark.name for mark in request.node.iter_markers()}:
        faulthandler.cancel_dump_traceback_later()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the results."""
    results = config.stash.get(KEY, None)
    if results is not None:
        console = Console(width=None if terminalreporter.isatty else 160)
        console.print()
        console.print(results.table())
        console.print_json(json.dumps(results.fresh))
        console.print(f"written to {results.path}", highlight=False)
