from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cascade import diagnostics
from cascade.diagnostics.injection import corrupted, influenced
from cascade.errors import ConfigError, DataError
from cascade.graph import Hidden, Labels, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.rows import MISSING
from cascade.tasks import Tagging
from tests import questions
from tests.diagnostics.made import ENCODER, accuracy, docs, masked, obedient, pair, random_weights, tagged


def test_where_upstream_labels_decide_everything() -> None:
    model, data = obedient(), docs()
    (found,) = diagnostics.propagation(model, data, shares=(0.0, 0.5, 1.0))
    assert (found.upstream, found.downstream, found.metric, found.docs) == ("up", "down", "pos_acc", 4)
    assert found.predicted == pytest.approx(accuracy(model, "up", data)) and found.predicted < 1
    assert found.gold == 1.0
    assert found.corrupted[0.0] == 1.0 and found.corrupted[1.0] == 0.0 and 0 < found.corrupted[0.5] < 1
    assert diagnostics.propagation(model, data, shares=(0.0, 0.5, 1.0)) == [found]
    assert diagnostics.propagation(model, data, shares=(0.5,), seed=3)[0].gold == 1.0


def test_tasks_are_scored_where_both_have_gold() -> None:
    data = [tagged("ABC"), tagged("AB", pos=False)]
    (found,) = diagnostics.propagation(obedient(), data)
    assert (found.docs, found.gold) == (1, 1.0)


def test_hidden_states_hand_no_labels_on() -> None:
    assert diagnostics.propagation(pair(Hidden()), docs()) == []


def chain() -> CascadeModel:
    graph = TaskGraph(encoder=ENCODER).add(Tagging("a", hidden=4)).add(Tagging("b", attribute="POS", hidden=4))
    graph.add(Tagging("c", hidden=4), after={"a": [Labels(width=3)], "b": [Labels(width=3), Hidden()]})
    graph.add(Tagging("d", attribute="POS", hidden=4), after={"c": [Hidden()], "a": [Hidden()]})
    return random_weights(CascadeModel(graph).initialize(docs()))


def test_labels_reach_what_stands_below_those_who_read_them() -> None:
    model = chain()
    assert [influenced(model, name) for name in "abcd"] == [["c", "d"], ["c", "d"], [], []]
    found = diagnostics.propagation(model, docs(), shares=())
    pairs = [(own.upstream, own.downstream) for own in found]
    assert pairs == [("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), (None, "c"), (None, "d")]
    assert all(own.corrupted == {} for own in found)


def test_a_reader() -> None:
    found = diagnostics.propagation(questions.model_of(questions.chain()), questions.asked(), shares=(1.0,))
    by_pair = {(own.upstream, own.downstream): own for own in found}
    assert by_pair.keys() == {("retrieve", "read"), ("retrieve", "rerank"), ("read", "rerank"), (None, "rerank")}
    assert by_pair["retrieve", "read"].corrupted.keys() == {1.0}
    assert by_pair["read", "rerank"].corrupted == {}  # spans are made at run time, and no label of theirs is wrong


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_shares_that_are_none(share: float) -> None:
    with pytest.raises(ConfigError, match="from 0 to 1"):
        diagnostics.propagation(obedient(), docs(), shares=(share,))


def test_without_gold() -> None:
    with pytest.raises(DataError, match="expected gold"):
        diagnostics.propagation(obedient(), [])


@given(st.lists(st.one_of(st.just(MISSING), st.integers(0, 4)), max_size=30), st.floats(0, 1), st.integers(0, 9))
def test_corrupted_labels(labels: list[int], share: float, seed: int) -> None:
    gold = torch.tensor(labels, dtype=torch.long)
    found = corrupted({"label": gold}, share, 5, torch.Generator().manual_seed(seed))["label"]
    assert torch.equal(found == MISSING, gold == MISSING)
    known = gold != MISSING
    assert bool(((found >= 0) & (found < 5))[known].all())
    if share == 0:
        assert torch.equal(found, gold)
    if share == 1:
        assert bool((found != gold)[known].all())


def test_the_share_is_that_of_the_rows_and_other_labels_are_alike_probable() -> None:
    gold = torch.zeros(4000, dtype=torch.long)
    found = corrupted({"label": gold}, 0.25, 3, torch.Generator().manual_seed(0))["label"]
    assert found.bincount().tolist() == pytest.approx([3000, 500, 500], abs=80)


def test_gold_of_other_kinds_becomes_that_of_another_row() -> None:
    missing = float(MISSING)
    gold = {
        "score": torch.tensor([1.0, missing, 3.0, 4.0] * 20),
        "label": torch.tensor([[0, 1], [MISSING, MISSING], [1, 1], [1, 0]] * 20),
    }
    found = corrupted(gold, 1.0, 5, torch.Generator().manual_seed(0))
    assert torch.equal(found["score"] == missing, gold["score"] == missing)
    assert set(found["score"].tolist()) == {1.0, missing, 3.0, 4.0} and not torch.equal(found["score"], gold["score"])
    assert {tuple(row) for row in found["label"].tolist()} == {(0, 1), (MISSING, MISSING), (1, 1), (1, 0)}


def test_a_task_with_one_label_cannot_be_wrong() -> None:
    gold = torch.zeros(9, dtype=torch.long)
    assert torch.equal(corrupted({"label": gold}, 1.0, 1, torch.Generator())["label"], gold)


def test_auxiliary_tasks_are_not_scored() -> None:
    found = diagnostics.propagation(masked(), docs(), shares=(0.5,))
    assert [(entry.upstream, entry.downstream) for entry in found] == [("up", "down")]
