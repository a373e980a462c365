"""Two processes, joined by gloo, train what one trains whose updates have twice the batches."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.killing import written

CHILD = """
import json, runpy, sys
import torch
torch.set_num_threads(1)
from cascade.graph import Hidden, Labels, Recurrent, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.tasks.sentences import Sentences
from cascade.tasks.tagging import Tagging
from cascade.training import gradients, optimizers, regularizers, weighting
from cascade.training.processes import number
shared = runpy.run_path(sys.argv[1])
def quiet(self, *given, **named):
    return True
import cascade.training.run
cascade.training.run.draw_curves = quiet
for method in ("Sum", "PCGrad"):
    graph = TaskGraph(encoder=Embedding(words=6, characters=6, vocabulary=20, buckets=40, alpha=0.0))
    graph.add(Tagging("tags", layer=Recurrent(6, dropout=0.0)))
    graph.add(Sentences("sents", layer=Recurrent(6, dropout=0.0)), after={"tags": [Hidden(), Labels(width=4)]})
    trainer = shared["make_trainer"](
        gradients=getattr(gradients, method)(), weighting=weighting.DynamicAverage(), accumulate=int(sys.argv[3]),
        regularizers=[regularizers.Successive()], optimizer=optimizers.SGD(rate=0.5), average=None,
    )
    trainer.model, trainer.cpu = CascadeModel(graph), False
    trainer.fit(f"{sys.argv[2]}/{method}", resume=True)
print(json.dumps(number()))
"""


def port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def train(folder: Path, count: int, accumulate: int) -> None:
    """Train in that many processes, with either method, or go on."""
    helper, place = str(Path(__file__).with_name("conftest.py")), str(port())
    children = []
    for rank in range(count):
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
        launched = {**own, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": place}
        env = {**os.environ, "OMP_NUM_THREADS": "1", **(launched if count > 1 else {})}
        command = [sys.executable, "-c", CHILD, helper, str(folder), str(accumulate)]
        children.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    for child in children:
        out, error = child.communicate(timeout=200)
        assert child.returncode == 0, error[-3000:]
        assert json.loads(out.splitlines()[-1]) == count


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes have trained."""
    folder = tmp_path_factory.mktemp("two")
    train(folder, 2, accumulate=1)
    return folder


def test_two_processes_give_the_parameters_of_one_with_the_summed_batch(two: Path, tmp_path: Path) -> None:
    train(tmp_path, 1, accumulate=2)
    for method in ("Sum", "PCGrad"):
        weights, expected = (load_file(run / method / "last" / "model.safetensors") for run in (two, tmp_path))
        for name, tensor in expected.items():
            torch.testing.assert_close(weights[name], tensor, rtol=1e-4, atol=1e-5)
        logs = [(run / method / "metrics.jsonl").read_text().splitlines() for run in (two, tmp_path)]
        for line, wanted in zip(*logs, strict=True):
            assert json.loads(line)["losses"] == pytest.approx(json.loads(wanted)["losses"], rel=1e-3)


def test_two_processes_whose_run_is_over_leave_it_as_it_is(two: Path) -> None:
    before = written(two)
    train(two, 2, accumulate=1)
    assert written(two) == before
