from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from spacy.tokens import Doc

from cascade.training import Batches
from cascade.training.schedules import Annotated, Joint, Schedule, Successive

TASKS = ("low", "middle", "top")
Make = Callable[..., list[Doc]]


@pytest.fixture
def corpora(docs: Make) -> list[Annotated]:
    """Sizes 30 and 10; the second has gold for two tasks, and a Doc without any."""
    large, small = docs(30), docs(11)
    return [[(doc, ("low",)) for doc in large], [(doc, ("middle", "top")) for doc in small[:10]] + [(small[10], ())]]


def steps(schedule: Schedule, corpora: list[Annotated], epoch: int = 0) -> list:
    return schedule.steps(corpora, TASKS, np.random.default_rng([0, epoch]))


def test_successive_goes_task_by_task_over_all_docs_with_gold(corpora: list[Annotated]) -> None:
    taken = steps(Successive(batches=Batches(docs=4)), corpora)
    assert [s.sweep for s in taken] == ["low"] * 8 + ["middle"] * 3 + ["top"] * 3
    assert all(s.tasks == (s.sweep,) for s in taken)
    assert [i for i, s in enumerate(taken) if s.ends_sweep] == [7, 10, 13]
    for task in TASKS:
        expected = {doc for corpus in corpora for doc, gold in corpus if task in gold}
        swept = [doc for s in taken if s.sweep == task for doc in s.docs]
        assert set(swept) == expected
        assert len(swept) == len(expected)


def test_every_sweep_has_a_shuffle_of_its_own(corpora: list[Annotated]) -> None:
    taken = steps(Successive(), corpora)
    middle, top = ([id(doc) for s in taken if s.sweep == task for doc in s.docs] for task in ("middle", "top"))
    assert middle != top
    assert sorted(middle) == sorted(top)


def test_a_task_may_have_batches_of_its_own(corpora: list[Annotated]) -> None:
    taken = steps(Successive(batches=Batches(docs=25), task_batches={"top": Batches(docs=3)}), corpora)
    assert [(s.sweep, len(s.docs)) for s in taken] == [
        ("low", 25), ("low", 5), ("middle", 10), ("top", 3), ("top", 3), ("top", 3), ("top", 1),
    ]  # fmt: skip


def test_joint_batches_come_from_one_corpus_and_carry_all_its_tasks(corpora: list[Annotated]) -> None:
    taken = steps(Joint(batches=Batches(docs=5)), corpora)
    homes = [{doc: i for i, corpus in enumerate(corpora) for doc, _ in corpus}[s.docs[0]] for s in taken]
    assert Counter(homes) == {0: 6, 1: 2}
    for s, home in zip(taken, homes, strict=True):
        assert set(s.docs) <= {doc for doc, _ in corpora[home]}
        assert s.tasks == (("low",), ("middle", "top"))[home]
        assert s.sweep is None
        assert not s.ends_sweep
    assert Counter(doc for s in taken for doc in s.docs) == {doc: 1 for c in corpora for doc, gold in c if gold}


def test_joint_names_the_tasks_of_a_partly_annotated_batch_in_graph_order(docs: Make) -> None:
    mixed = [(doc, gold) for doc, gold in zip(docs(3), [("top",), ("low",), ("top",)], strict=True)]
    assert [s.tasks for s in steps(Joint(), [mixed])] == [("low", "top")]


def test_joint_mixes_by_size(corpora: list[Annotated]) -> None:
    """The first quarter of the epoch has about a quarter of each corpus: 300 of 1200 and 100 of 400 over 40 epochs."""
    drawn: Counter[int] = Counter()
    for epoch in range(40):
        taken = steps(Joint(batches=Batches(docs=1)), corpora, epoch)
        drawn.update(len(s.tasks) for s in taken[: len(taken) // 4])
    assert drawn[1] + drawn[2] == 400
    assert abs(drawn[1] - 300) < 35


@pytest.mark.parametrize("schedule", [Successive(), Joint(batches=Batches(words=30))])
def test_an_epoch_can_be_listed_again(schedule: Schedule, corpora: list[Annotated]) -> None:
    first, again, other = steps(schedule, corpora), steps(schedule, corpora), steps(schedule, corpora, epoch=1)
    assert first == again
    assert first != other
