from __future__ import annotations

from collections.abc import Callable

from cascade.training import Batches
from cascade.training.schedules import Annotated, Step, Successive

TASKS = ("low", "middle", "top")
List = Callable[..., list[Step]]


def test_successive_goes_task_by_task_over_all_docs_with_gold(corpora: list[Annotated], steps: List) -> None:
    taken = steps(Successive(batches=Batches(docs=4)), corpora)
    assert [s.sweep for s in taken] == ["low"] * 8 + ["middle"] * 3 + ["top"] * 3
    assert all(s.tasks == (s.sweep,) for s in taken)
    assert [i for i, s in enumerate(taken) if s.ends_sweep] == [7, 10, 13]
    for task in TASKS:
        expected = {doc for corpus in corpora for doc, gold in corpus if task in gold}
        swept = [doc for s in taken if s.sweep == task for doc in s.docs]
        assert set(swept) == expected
        assert len(swept) == len(expected)


def test_every_sweep_has_a_shuffle_of_its_own(corpora: list[Annotated], steps: List) -> None:
    taken = steps(Successive(), corpora)
    middle, top = ([id(doc) for s in taken if s.sweep == task for doc in s.docs] for task in ("middle", "top"))
    assert middle != top
    assert sorted(middle) == sorted(top)


def test_batches_for_what_is_no_task() -> None:
    schedule = Successive(task_batches={"ner": Batches(docs=3), "top": Batches(docs=3)})
    expected = "task_batches= names ner, but the graph has low, middle, top"
    assert schedule.problems(TASKS, within_epochs=True) == [expected]


def test_a_task_may_have_batches_of_its_own(corpora: list[Annotated], steps: List) -> None:
    taken = steps(Successive(batches=Batches(docs=25), task_batches={"top": Batches(docs=3)}), corpora)
    assert [(s.sweep, len(s.docs)) for s in taken] == [
        ("low", 25), ("low", 5), ("middle", 10), ("top", 3), ("top", 3), ("top", 3), ("top", 1),
    ]  # fmt: skip
