from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cascade.diagnostics import conflict as measuring
from cascade.diagnostics.conflict import conflict, cosines, read_conflict
from cascade.diagnostics.probing import Sightings
from cascade.errors import ConfigError, TrainingError
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.storage import WEIGHTS
from cascade.tasks import Sentences, Tagging
from cascade.training import Trainer
from cascade.training.gradients import task_gradients
from tests.training.conftest import make_trainer


def test_cosines_by_hand() -> None:
    x = torch.tensor([3.0, 4.0], requires_grad=True)
    y = torch.tensor([1.0], requires_grad=True)
    z = torch.tensor([1.0], requires_grad=True)
    losses = {"a": x @ torch.tensor([1.0, 1.0]) + 5 * y.sum(), "b": x[0] - 2 * z.sum(), "c": y.sum() - 2 * z.sum()}
    found = cosines(task_gradients(losses, [x, y, z]))
    # a, b meet in x alone: (1, 1) and (1, 0); a, c in y; b, c in z.
    assert found == pytest.approx({("a", "b"): 2**-0.5, ("a", "c"): 1.0, ("b", "c"): 1.0})
    assert cosines(task_gradients({"a": x.sum(), "b": y.sum(), "c": 0 * x.sum()}, [x, y])) == {}


def test_a_run_that_is_watched_is_the_same_run(tmp_path: Path) -> None:
    make_trainer().fit(tmp_path / "plain")
    found = conflict(make_trainer(), tmp_path / "watched", every=2, docs=3)
    plain, watched = (tmp_path / name / "best" / WEIGHTS for name in ("plain", "watched"))
    assert plain.read_bytes() == watched.read_bytes()
    states = [sorted((tmp_path / name / "last").iterdir()) for name in ("plain", "watched")]
    for one, other in zip(*states, strict=True):
        assert one.name == other.name and one.read_bytes() == other.read_bytes()
    (pair,) = found
    assert (pair.first, pair.second) == ("tags", "sents") and pair.updates == [1, 3, 5, 7, 9]
    assert pair.mean == pytest.approx(np.mean(pair.cosines)) and all(-1 <= value <= 1 for value in pair.cosines)
    assert pair.negative == np.mean(np.array(pair.cosines) < 0)


def test_resumed_it_measures_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = conflict(make_trainer(checkpoint_every=3), tmp_path / "whole", every=2, docs=3)
    original = measuring.Watcher.observe

    def dying(self: measuring.Watcher, model: CascadeModel, losses: Callable, number: int) -> None:
        original(self, model, losses, number)
        if number == 9:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(measuring.Watcher, "observe", dying)
        with pytest.raises(KeyboardInterrupt):
            conflict(make_trainer(checkpoint_every=3), tmp_path / "cut", every=2, docs=3)
    assert len(Sightings(tmp_path / "cut" / measuring.FILE).rows()) == 5
    assert conflict(make_trainer(checkpoint_every=3), tmp_path / "cut", every=2, docs=3, resume=True) == whole
    assert read_conflict(tmp_path / "cut") == whole


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    one = TaskGraph(encoder=Embedding(words=4, characters=4)).add(Tagging("tags"))
    with pytest.raises(ConfigError, match="a graph with several tasks, got tags alone"):
        conflict(Trainer(CascadeModel(one), corpora=[]), tmp_path / "run")
    with pytest.raises(ConfigError, match=r"expected a run that was measured"):
        read_conflict(tmp_path)
    trainer = make_trainer()
    apart = TaskGraph(encoder=Embedding(words=4, characters=4, vocabulary=9, buckets=9))
    trainer.model = CascadeModel(apart.add(Tagging("tags")).add(Sentences("sents")))
    trainer.model.initialize([doc for corpus in trainer.corpora for doc in corpus.train])
    trainer.model.encoder.requires_grad_(False)
    with pytest.raises(TrainingError, match=r"no parameter is reached by the losses of two tasks \(tags, sents\)"):
        conflict(trainer, tmp_path / "run")
