"""kill -9 at any moment: the index opens, and each document is in one of its states, in all parts alike."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cascade.retrieval.index import Index
from tests.retrieval.changing import COUNT, state
from tests.retrieval.made import WordCounts

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Index.build(tmp_path / "i", (state(number, 0) for number in range(COUNT)), encoder=WordCounts()).close()
    return tmp_path / "i"


def run(folder: Path, seed: int, step: int | None = None, *, seconds: float = 0) -> None:
    """Changes the index in a process that is killed at a step, or some time after it has begun."""
    command = [sys.executable, "-m", "tests.retrieval.changing", str(folder), str(seed)]
    command += [str(step)] if step is not None else []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "open\n"
        if step is None:
            time.sleep(seconds)
            process.kill()
        assert process.wait(timeout=120) == -9


def check(folder: Path) -> dict[str, str]:
    """Whether everything agrees; gives the fingerprints."""
    with Index.open(folder, encoder=WordCounts()) as index:
        assert index.verify() == []
        known = index.documents()
        for number in range(COUNT):
            id = f"d{number}"
            passages = index.passages(id)
            assert (id in known) is bool(passages)
            if passages:
                version = re.findall(r"state(\d+)", passages[0].text)[0]
                _, fingerprint, expected = state(number, int(version))
                assert (passages, known[id]) == (expected, fingerprint)
            for mode in ("lexical", "dense"):
                hits = index.search(f"d{number}", 100, mode=mode, where={"document": id})  # type: ignore[arg-type]
                assert sorted(hit.passage.text for hit in hits) == [passage.text for passage in passages]
        assert {hit.passage.document for hit in index.search("state part of", 100)} == set(known)
        return known


def check_that_it_goes_on(folder: Path) -> None:
    """The next writer clears away what the killed one has left, and ends with what a new index has."""
    with Index.open(folder, encoder=WordCounts()) as index:
        index.add([state(number, 7) for number in range(COUNT)])
        index.compact()
        assert index.verify() == []
        with Index.build(folder.with_name("new"), (state(n, 7) for n in range(COUNT)), encoder=WordCounts()) as new:
            assert index.search("d3 part 1", 50) == new.search("d3 part 1", 50)


def test_killed_between_the_parts(folder: Path) -> None:
    """At steps that all lie between a commit of one part and one of the other, or beside one."""
    for seed, step in enumerate((5, 12, 23, 37, 58)):
        run(folder, seed, step)
        check(folder)
    check_that_it_goes_on(folder)


@pytest.mark.bench
def test_killed_at_every_step(folder: Path) -> None:
    for step in range(1, 80):
        run(folder, step % 7, step)
        check(folder)
    check_that_it_goes_on(folder)


@pytest.mark.bench
def test_killed_at_any_time(folder: Path) -> None:
    draw = random.Random(0)
    states = [check(folder)]
    for seed in range(20):
        run(folder, seed, seconds=draw.uniform(0, 1.5))
        states.append(check(folder))
    assert len({tuple(known.items()) for known in states}) > 5, "it got somewhere before it was killed"
    check_that_it_goes_on(folder)
