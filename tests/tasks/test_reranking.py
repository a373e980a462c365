from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cascade.data.answers import overlap_f1
from cascade.errors import GraphError
from cascade.nn.decoders.base import Output
from cascade.nn.decoders.reader import SpanScorer
from cascade.nn.layout import Layout
from cascade.nn.rows import MISSING, Rows
from cascade.tasks import Reading, Reranking
from cascade.tasks.reranking import overlap
from tests.layouts import NONE
from tests.questions import asked

LENGTHS = [4, 3, 2]
SPANS = [(0, 0), (0, 1), (2, 3), (4, 5), (6, 6), (7, 8)]
OWN, BROUGHT = [0.5, -1.0, 2.0, 0.3, 1.2, -0.7], [1.0, 0.5, -0.5, 0.0, 0.2, 0.4]
ODDS = [own + brought for own, brought in zip(OWN, BROUGHT, strict=True)]


def rows_of(lengths: Sequence[int]) -> Rows:
    parent = torch.tensor([i for i, n in enumerate(lengths) for _ in range(n)], dtype=torch.long)
    return Rows(parent=parent, alive=torch.ones(len(parent), dtype=torch.bool), size=len(lengths))


def output_of(alive: Sequence[bool] | None = None, spans: Sequence[tuple[int, int]] = SPANS) -> Output:
    """Candidates in three passages of one question, with scores of their own and of the reader."""
    layout = Layout({"token": rows_of(LENGTHS), "text": rows_of([3]), "span": rows_of([0, 0, 0])}, NONE, NONE)
    layout = layout.propose(torch.tensor(spans, dtype=torch.long).reshape(-1, 2))
    rows = layout.rows["span"]
    if alive is not None:
        rows = replace(rows, alive=torch.tensor(alive))
    score = torch.tensor(OWN[: len(spans)], requires_grad=True)
    return Output(
        rows=rows,
        hidden=score,
        scores={"score": score},
        decoder=SpanScorer(2, hidden=2, dropout=0.0),
        candidates=torch.tensor(BROUGHT[: len(spans)]),
        layout=layout,
    )


def gold_of(*spans: tuple[int, int], unknown: Sequence[int] = (), longest: int = 3) -> Mapping[str, Tensor]:
    table = torch.zeros(sum(LENGTHS), longest, dtype=torch.long)
    table[list(unknown)] = MISSING
    for first, last in spans:
        table[first, last - first] = 1
    return {"spans": table}


def cross_entropy(right: Sequence[float], everything: Sequence[float]) -> float:
    """Over candidates and no answer, whose log odds are 0."""
    return math.log(1 + sum(map(math.exp, everything))) - math.log(sum(map(math.exp, right)))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_the_hard_loss_by_hand() -> None:
    """The first passage has two right candidates, the second none, the third one."""
    hard = Reranking("r", soft=0.0).loss(output_of(), gold_of((0, 1), (2, 3), (7, 8), (5, 5)))
    first = cross_entropy(ODDS[1:3], ODDS[:3])
    second = cross_entropy([0.0], ODDS[3:5])
    third = cross_entropy(ODDS[5:], ODDS[5:])
    assert hard.item() == pytest.approx((first + second + third) / 3)


def test_the_soft_loss_by_hand() -> None:
    gold = gold_of((0, 1), (7, 8), (5, 5))
    both, hard = (Reranking("r", soft=soft).loss(output_of(), gold).item() for soft in (2.0, 0.0))
    f1 = [2 / 3, 1.0, 0.0, 2 / 3, 0.0, 1.0]
    distance = sum((sigmoid(odds) - wanted) ** 2 for odds, wanted in zip(ODDS, f1, strict=True)) / len(f1)
    assert both - hard == pytest.approx(2 * distance, rel=1e-4)


def test_spans_that_are_out_and_passages_without_gold_give_no_loss() -> None:
    task = Reranking("r")
    output = output_of([True, False, True, False, False, True])
    loss = task.loss(output, gold_of((0, 1), (2, 3), unknown=[7, 8]))
    hard = cross_entropy(ODDS[2:3], [ODDS[0], ODDS[2]])
    soft = ((sigmoid(ODDS[0]) - 2 / 3) ** 2 + (sigmoid(ODDS[2]) - 1) ** 2) / 2
    assert loss.item() == pytest.approx(hard + soft, rel=1e-5)
    loss.backward()
    grad = output.scores["score"].grad
    assert grad is not None
    assert grad.abs().gt(1e-6).tolist() == [True, False, True, False, False, False]
    for nothing in (
        task.loss(output_of([False] * 6), gold_of((0, 1))),
        task.loss(output_of(), gold_of(unknown=range(9))),
        task.loss(output_of(spans=[]), gold_of((0, 1))),
    ):
        assert nothing.item() == 0
        nothing.backward()


def test_the_loss_of_extreme_scores_is_finite() -> None:
    output = output_of()
    output = replace(output, scores={"score": output.scores["score"] * 1e4})
    assert Reranking("r").loss(output, gold_of((0, 1))).isfinite()


def test_predictions() -> None:
    with torch.no_grad():
        found = Reranking("r").decode(output_of([True] * 3 + [False, True, True]))
    np.testing.assert_allclose(found["own"], OWN, rtol=1e-6)
    np.testing.assert_allclose(found["score"], [*ODDS[:3], -np.inf, *ODDS[4:]], rtol=1e-6)
    assert found["text"].tolist() == [0, 0, 0, 1, 1, 2]
    assert found["first"].tolist() == [0, 0, 2, 0, 2, 0]
    assert found["last"].tolist() == [0, 1, 3, 1, 2, 1]


def test_targets_and_gold_are_the_readers() -> None:
    rerank, read = Reranking("r", longest=4), Reading("r", longest=4)
    for doc in asked():
        own, other = rerank.targets(doc), read.targets(doc)
        assert (own is None) == (other is None)
        if own is not None and other is not None:
            assert np.array_equal(own["spans"], other["spans"])
    assert np.array_equal(rerank.blank(3)["spans"], read.blank(3)["spans"])
    assert rerank.gold_rows(output_of(), gold_of((0, 1), (7, 8))).tolist() == [False, True, False, False, False, True]


spans_in_text = st.tuples(st.integers(0, 7), st.integers(0, 7)).map(lambda s: (min(s), max(s)))


@given(st.lists(spans_in_text, max_size=5), st.lists(spans_in_text, max_size=3))
def test_overlap_is_the_f1_of_strings_whose_words_all_differ(
    spans: list[tuple[int, int]], gold: list[tuple[int, int]]
) -> None:
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven"]
    table = torch.zeros(8, 8, dtype=torch.long)
    for first, last in gold:
        table[first, last - first] = 1
    expected = [max((overlap_f1(words[a : b + 1], words[c : d + 1]) for c, d in gold), default=0.0) for a, b in spans]
    found = overlap(torch.tensor(spans, dtype=torch.long).reshape(-1, 2), table)
    assert found.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("settings", [{"pool": "sum"}, {"hidden": 0}, {"longest": 0}, {"dropout": 1.0}])
def test_wrong_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(GraphError, match=next(iter(settings))):
        Reranking("r", **settings)
