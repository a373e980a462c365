from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import chisquare
from spacy.tokens import Doc

from cascade.training import Batches
from cascade.training.history import History
from cascade.training.sampling import Annealed, Proportional, Sampling, Temperature, Thompson, Uniform
from cascade.training.schedules import Annotated, Sampled, Step
from cascade.training.schedules.passes import Passes

Make = Callable[..., list[Doc]]
List = Callable[..., list[Step]]
BATCHES = Batches(docs=5)
SIZES = {"low": 6, "middle": 2, "top": 2}


@pytest.mark.parametrize("sampling", [Uniform(), Proportional(), Temperature(), Annealed()])
def test_tasks_are_drawn_as_often_as_their_shares_say(
    corpora: list[Annotated], steps: List, sampling: Sampling
) -> None:
    taken = steps(Sampled(sampling=sampling, batches=BATCHES, length=5000), corpora, epoch=1, epochs=2)
    counts = Counter(s.tasks[0] for s in taken)
    expected = sampling.shares(SIZES, History(epoch=1, epochs=2))
    assert all(s.sweep is None and not s.ends_sweep and len(s.tasks) == 1 for s in taken)
    assert chisquare([counts[t] for t in SIZES], [5000 * expected[t] for t in SIZES]).pvalue > 0.01


def test_an_epoch_has_as_many_steps_as_the_tasks_have_batches(corpora: list[Annotated], steps: List) -> None:
    assert len(steps(Sampled(batches=BATCHES), corpora)) == sum(SIZES.values())
    assert len(steps(Sampled(batches=BATCHES, length=3), corpora)) == 3


def test_a_task_goes_through_its_own_docs_and_starts_again(corpora: list[Annotated]) -> None:
    passes = Passes(corpora, ["low", "middle", "top", "none"], Batches(docs=4), np.random.default_rng(0))
    assert passes.sizes == {"low": 8, "middle": 3, "top": 3}
    own = {doc for doc, gold in corpora[1] if "top" in gold}
    rounds = [[doc for _ in range(3) for doc in passes.step("top").docs] for _ in range(3)]
    for taken in rounds:
        assert len(taken) == len(own)
        assert set(taken) == own
    assert rounds[0] != rounds[1] != rounds[2]
    assert passes.step("low").tasks == ("low",)


@dataclass(frozen=True)
class Watched(Sampling):
    """Notes what it is told."""

    told: list[object]

    def shares(self, sizes: Mapping[str, int], history: History) -> dict[str, float]:
        self.told.extend([dict(sizes), history])
        return {"low": 0.0, "middle": 1.0, "top": 0.0}


def test_the_sampling_is_told_sizes_and_history(corpora: list[Annotated], steps: List) -> None:
    told: list[object] = []
    taken = steps(Sampled(sampling=Watched(told), batches=BATCHES), corpora, epoch=2, scores=[{"low": 0.5}])
    assert told == [SIZES, History(epoch=2, scores=[{"low": 0.5}])]
    assert {s.tasks for s in taken} == {("middle",)}


def test_an_epoch_can_be_listed_again(corpora: list[Annotated], steps: List) -> None:
    schedule = Sampled(sampling=Thompson(main="top"), batches=Batches(words=30))
    scores = [{"top": 0.5}, {"top": 0.4}, {"top": 0.6}]
    first, again = (steps(schedule, corpora, epoch=3, scores=scores) for _ in range(2))
    assert first == again
    assert len({s.tasks for s in first}) == 1


def test_settings_that_make_no_sense() -> None:
    schedule = Sampled(sampling=Thompson(main="parse"), length=0)
    assert schedule.problems(["low", "top"], within_epochs=False) == [
        "Thompson(main=) names parse, but the graph has low, top",
        "length= has to be 1 or more, got 0",
    ]
