"""Corpora that the tests of schedules share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from spacy.tokens import Doc

from cascade.training.history import History
from cascade.training.schedules import Annotated, Schedule, Step

TASKS = ("low", "middle", "top")
Make = Callable[..., list[Doc]]
List = Callable[..., list[Step]]


@pytest.fixture
def corpora(docs: Make) -> list[Annotated]:
    """Sizes 30 and 10; the second has gold for two tasks, and a Doc without any."""
    large, small = docs(30), docs(11)
    return [[(doc, ("low",)) for doc in large], [(doc, ("middle", "top")) for doc in small[:10]] + [(small[10], ())]]


@pytest.fixture
def steps() -> List:
    """Lists the steps of an epoch."""

    def listed(schedule: Schedule, corpora: list[Annotated], epoch: int = 0, **seen: object) -> list[Step]:
        history = History(epoch=epoch, **seen)
        return schedule.steps(corpora, TASKS, np.random.default_rng([0, epoch]), history)

    return listed
