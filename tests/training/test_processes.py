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
settings = json.loads(sys.argv[3])
def quiet(self, *given, **named):
    return True
import cascade.training.run
cascade.training.run.draw_curves = quiet
graph = TaskGraph(encoder=Embedding(words=6, characters=6, vocabulary=20, buckets=40, alpha=0.0))
graph.add(Tagging("tags", layer=Recurrent(6, dropout=0.0)))
graph.add(Sentences("sents", layer=Recurrent(6, dropout=0.0)), after={"tags": [Hidden(), Labels(width=4)]})
method = getattr(gradients, settings.pop("method", "Sum"))()
trainer = shared["make_trainer"](
    gradients=method, weighting=weighting.DynamicAverage(),
    regularizers=[regularizers.Successive()], optimizer=optimizers.SGD(rate=0.5), average=None, **settings,
)
trainer.model = CascadeModel(graph)
scores = trainer.fit(sys.argv[2], resume=True)
print(json.dumps({"processes": number(), "scores": scores}))
"""


def port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def train(folder: Path, count: int, **settings: object) -> dict[str, torch.Tensor]:
    """The weights after a training in that many processes."""
    helper, place = str(Path(__file__).with_name("conftest.py")), str(port())
    children = []
    for rank in range(count):
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
        launched = {**own, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": place, "ACCELERATE_USE_CPU": "true"}
        env = {**os.environ, "OMP_NUM_THREADS": "1", **(launched if count > 1 else {})}
        command = [sys.executable, "-c", CHILD, helper, str(folder), json.dumps(settings)]
        children.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    for child in children:
        out, error = child.communicate(timeout=200)
        assert child.returncode == 0, error[-3000:]
        assert json.loads(out.splitlines()[-1])["processes"] == count
    return load_file(folder / "last" / "model.safetensors")


@pytest.mark.parametrize("method", ["Sum", "PCGrad"])
def test_two_processes_give_the_parameters_of_one_with_the_summed_batch(tmp_path: Path, method: str) -> None:
    one = train(tmp_path / "one", 1, accumulate=2, method=method)
    two = train(tmp_path / "two", 2, accumulate=1, method=method)
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")
    texts = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("one", "two")]
    logs = [[json.loads(line) for line in text.splitlines()] for text in texts]
    for a, b in zip(*logs, strict=True):
        assert b["losses"] == pytest.approx(a["losses"], rel=1e-3)


def test_two_processes_go_on_where_they_were(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", 2, epochs=2)
    saved = {p.relative_to(tmp_path / "whole"): p.read_bytes() for p in (tmp_path / "whole").rglob("*") if p.is_file()}
    again = train(tmp_path / "whole", 2, epochs=2)
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    now = {p.relative_to(tmp_path / "whole"): p.read_bytes() for p in (tmp_path / "whole").rglob("*") if p.is_file()}
    assert now == saved
