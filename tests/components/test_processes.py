"""Several processes, each case in an interpreter of its own, since what matters is what has happened in it before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from spacy.language import Language

FORK = """
import sys, numpy as np, spacy, torch
torch.set_num_threads(4)
assert torch.get_num_threads() == 4
(torch.randn(500, 500) @ torch.randn(500, 500)).exp().sum()
nlp = spacy.load(sys.argv[1])
texts = ["Mara mends old clocks.", "", "They tick. They tick.", "old"] * 6
one = list(nlp.pipe(texts, batch_size=3))
two = list(nlp.pipe(texts, batch_size=3, n_process=2))
for a, b in zip(one, two, strict=True):
    assert a.to_json() == b.to_json(), (a.to_json(), b.to_json())
    for task, results in a._.cascade["cascade"].items():
        other = b._.cascade["cascade"][task]["probabilities"]
        np.testing.assert_allclose(results["probabilities"], other, atol=1e-5)
assert torch.get_num_threads() == 4
print("done")
"""

SPAWN = """
import multiprocessing, sys, spacy
if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    nlp = spacy.load(sys.argv[1])
    print([doc[0].tag_ != "" for doc in nlp.pipe(["Mara mends"] * 3, n_process=2, batch_size=1)])
"""


@pytest.fixture
def saved(nlp: Language, tmp_path: Path) -> Path:
    nlp.to_disk(tmp_path / "saved")
    return tmp_path / "saved"


def run(script: str, saved: Path, *, threads: int) -> str:
    path = saved.parent / "script.py"
    path.write_text(script)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", path, saved], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_forked_processes_do_not_hang_after_threads_have_run(saved: Path) -> None:
    assert run(FORK, saved, threads=4) == "done"


@pytest.mark.bench
def test_spawned_processes(saved: Path) -> None:
    assert run(SPAWN, saved, threads=1) == "[True, True, True]"
