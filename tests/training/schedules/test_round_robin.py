from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

from cascade.training import Batches
from cascade.training.schedules import Annotated, RoundRobin, Step

List = Callable[..., list[Step]]


def test_the_tasks_come_in_turn(corpora: list[Annotated], steps: List) -> None:
    taken = steps(RoundRobin(batches=Batches(docs=5)), corpora)
    assert len(taken) == 6 + 2 + 2
    for s, task in zip(taken, cycle(["low", "middle", "top"]), strict=False):
        assert s.tasks == (task,)
        assert set(s.docs) <= {doc for corpus in corpora for doc, gold in corpus if task in gold}


def test_the_small_ones_start_again(corpora: list[Annotated], steps: List) -> None:
    taken = steps(RoundRobin(batches=Batches(docs=5), length=18), corpora)
    low, top = ([doc for s in taken if s.tasks == (task,) for doc in s.docs] for task in ("low", "top"))
    assert len(low) == len(set(low)) == 30
    assert len(top) == 30
    assert len(set(top)) == 10


def test_an_epoch_can_be_listed_again(corpora: list[Annotated], steps: List) -> None:
    schedule = RoundRobin(batches=Batches(docs=5))
    assert steps(schedule, corpora) == steps(schedule, corpora) != steps(schedule, corpora, epoch=1)


def test_a_length_that_makes_no_sense() -> None:
    assert RoundRobin(length=0).problems(["low"], within_epochs=True) == ["length= has to be 1 or more, got 0"]
