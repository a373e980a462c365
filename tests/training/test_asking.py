"""A cascade of three stages in training: killed and resumed, it ends bit for bit the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from cascade.training import Batches, Corpus, Trainer, optimizers, regularizers, schedules
from tests.questions import asked, chain, model_of
from tests.training.killing import Killed, kill, written


def trainer() -> Trainer:
    return Trainer(
        model_of(chain(gold=True, layers=(1, 2, 2))),
        corpora=[Corpus(train=asked(), dev=asked())],
        schedule=schedules.Joint(batches=Batches(docs=2)),
        optimizer=optimizers.Adam(rate=1e-2, weight_decay=0.01),
        regularizers=[regularizers.Successive(strengths={"nodes.*": 1e-3})],
        epochs=2,
        checkpoint_every=2,
        evaluate_steps=2,
        cpu=True,
        console=Console(quiet=True),
    )


@pytest.mark.parametrize("after", [1, 3])
def test_killed_and_resumed_it_ends_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    scores = trainer().fit(tmp_path / "whole" / "run")
    assert scores.keys() >= {"retrieve_mrr", "read_f1", "rerank_f1"}
    with monkeypatch.context() as patched:
        kill(patched, after)
        with pytest.raises(Killed):
            trainer().fit(tmp_path / "killed" / "run")
    torch.manual_seed(99)
    np.random.seed(99)
    assert trainer().fit(tmp_path / "killed" / "run", resume=True) == scores
    assert written(tmp_path / "killed") == written(tmp_path / "whole")
