from __future__ import annotations

from collections.abc import Callable

import pytest

from cascade.training import Batches
from cascade.training.schedules import Annotated, Mixed, Step

List = Callable[..., list[Step]]


def test_every_turn_has_the_ratio(corpora: list[Annotated], steps: List) -> None:
    taken = steps(Mixed(ratio={"top": 1, "low": 3}, batches=Batches(docs=5), length=10), corpora)
    assert [s.tasks[0] for s in taken] == ["low", "low", "low", "top"] * 2 + ["low", "low"]
    low = [doc for s in taken if s.tasks == ("low",) for doc in s.docs]
    assert set(low[:30]) == {doc for doc, _ in corpora[0]}


def test_an_epoch_has_as_many_steps_as_its_tasks_have_batches(corpora: list[Annotated], steps: List) -> None:
    taken = steps(Mixed(ratio={"middle": 2, "top": 1, "low": 0}, batches=Batches(docs=5)), corpora)
    assert [s.tasks[0] for s in taken] == ["middle", "middle", "top", "middle"]


def test_an_epoch_can_be_listed_again(corpora: list[Annotated], steps: List) -> None:
    schedule = Mixed(ratio={"low": 1, "top": 1}, batches=Batches(docs=5))
    assert steps(schedule, corpora) == steps(schedule, corpora) != steps(schedule, corpora, epoch=1)


@pytest.mark.parametrize(
    ("ratio", "message"),
    [
        ({"low": 1, "parse": 1}, "ratio= names parse, but the graph has low, top"),
        ({"low": 0}, "ratio= has to be of whole numbers, one of them above 0, got {'low': 0}"),
        ({}, "ratio= has to be of whole numbers, one of them above 0, got {}"),
        ({"low": 1.5}, "ratio= has to be of whole numbers, one of them above 0, got {'low': 1.5}"),
        ({"low": 2, "top": -1}, "ratio= has to be of whole numbers, one of them above 0, got {'low': 2, 'top': -1}"),
    ],
)
def test_ratios_that_make_no_sense(ratio: dict[str, int], message: str) -> None:
    assert Mixed(ratio=ratio).problems(["low", "top"], within_epochs=True) == [message]
