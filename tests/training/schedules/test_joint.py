from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from spacy.tokens import Doc

from cascade.training import Batches
from cascade.training.schedules import Annotated, Joint, Schedule, Step, Successive

Make = Callable[..., list[Doc]]
List = Callable[..., list[Step]]


def test_joint_batches_come_from_one_corpus_and_carry_all_its_tasks(corpora: list[Annotated], steps: List) -> None:
    taken = steps(Joint(batches=Batches(docs=5)), corpora)
    homes = [{doc: i for i, corpus in enumerate(corpora) for doc, _ in corpus}[s.docs[0]] for s in taken]
    assert Counter(homes) == {0: 6, 1: 2}
    for s, home in zip(taken, homes, strict=True):
        assert set(s.docs) <= {doc for doc, _ in corpora[home]}
        assert s.tasks == (("low",), ("middle", "top"))[home]
        assert s.sweep is None
        assert not s.ends_sweep
    assert Counter(doc for s in taken for doc in s.docs) == {doc: 1 for c in corpora for doc, gold in c if gold}


def test_joint_names_the_tasks_of_a_partly_annotated_batch_in_graph_order(docs: Make, steps: List) -> None:
    mixed = [(doc, gold) for doc, gold in zip(docs(3), [("top",), ("low",), ("top",)], strict=True)]
    assert [s.tasks for s in steps(Joint(), [mixed])] == [("low", "top")]


def test_joint_mixes_by_size(corpora: list[Annotated], steps: List) -> None:
    """The first quarter of the epoch has about a quarter of each corpus: 300 of 1200 and 100 of 400 over 40 epochs."""
    drawn: Counter[int] = Counter()
    for epoch in range(40):
        taken = steps(Joint(batches=Batches(docs=1)), corpora, epoch)
        drawn.update(len(s.tasks) for s in taken[: len(taken) // 4])
    assert drawn[1] + drawn[2] == 400
    assert abs(drawn[1] - 300) < 35


@pytest.mark.parametrize("schedule", [Successive(), Joint(batches=Batches(words=30))])
def test_an_epoch_can_be_listed_again(schedule: Schedule, corpora: list[Annotated], steps: List) -> None:
    first, again, other = steps(schedule, corpora), steps(schedule, corpora), steps(schedule, corpora, epoch=1)
    assert first == again
    assert first != other
