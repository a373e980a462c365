from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch

from cascade.model import CascadeModel
from cascade.training.observing import Losses, Observer, undisturbed
from cascade.training.schedules import Step
from tests.training.conftest import make_docs, make_trainer


class Curious(Observer):
    """Draws all kinds of random numbers, and computes losses with dropout and their gradients."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.losses: list[set[str]] = []

    def observe(self, model: CascadeModel, losses: Losses, number: int) -> None:
        assert model.training
        draw()
        found = losses(Step(make_docs(3), ("tags", "sents")))
        torch.autograd.grad(sum(found.values()), [p for p in model.parameters() if p.requires_grad], allow_unused=True)
        self.seen.append(number)
        self.losses.append(set(found))


def draw() -> Iterable[float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_nothing_is_left_of_what_was_drawn() -> None:
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = draw()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    with pytest.raises(KeyboardInterrupt), undisturbed():
        draw()
        raise KeyboardInterrupt
    assert draw() == expected


def test_a_run_is_the_same_with_an_observer(tmp_path: Path) -> None:
    curious = Curious()
    scores = make_trainer(accumulate=2).fit(tmp_path / "plain")
    assert make_trainer(accumulate=2, observers=[curious]).fit(tmp_path / "seen") == scores
    assert curious.seen == [*range(1, len(curious.seen) + 1)] and curious.losses[0] == {"tags", "sents"}
    files = [path.relative_to(tmp_path / "plain") for path in (tmp_path / "plain" / "last").iterdir()]
    assert files
    for file in files:
        assert (tmp_path / "plain" / file).read_bytes() == (tmp_path / "seen" / file).read_bytes(), file


def test_a_run_may_go_on_without_its_observer(tmp_path: Path) -> None:
    make_trainer(observers=[Curious()]).fit(tmp_path / "run")
    make_trainer().fit(tmp_path / "run", resume=True)
