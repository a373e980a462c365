"""Regularizers that remember the model with which training began, through a training that is killed and resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cascade import storage
from cascade.model import CascadeModel
from cascade.training import Trainer
from cascade.training.regularizers import (
    Anchor,
    Distillation,
    Elastic,
    Forgetless,
    Regularizer,
    measure_fisher,
    save_fisher,
)
from tests.training.killing import Killed, kill


@pytest.fixture
def make(trainer: Callable[..., Trainer], graph, docs, tmp_path: Path) -> Callable[[], Trainer]:
    """A trainer with all of them, and a model that is the same every time."""
    torch.manual_seed(3)
    old = CascadeModel(graph()).initialize(docs(10))
    storage.save(old, tmp_path / "old")
    save_fisher(measure_fisher(old, docs(4)), tmp_path / "fisher")
    penalties: list[Regularizer] = [
        Anchor(strength=0.1),
        Elastic(fisher=tmp_path / "fisher"),
        Forgetless(tasks=["sents"]),
        Distillation(teachers={"tags": tmp_path / "old"}, epochs=2),
    ]
    return lambda: trainer(epochs=2, checkpoint_every=2, regularizers=penalties)


def test_it_ends_as_if_nothing_had_happened(
    make: Callable[[], Trainer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make()
    whole.fit(tmp_path / "whole")
    with monkeypatch.context() as patched:
        kill(patched, after=7)
        with pytest.raises(Killed):
            make().fit(tmp_path / "run")
    torch.manual_seed(99)
    np.random.seed(99)
    resumed = make()
    resumed.fit(tmp_path / "run", resume=True)
    for name in ("best/model.safetensors", "last/model.safetensors", "last/optimizer.safetensors", "metrics.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
