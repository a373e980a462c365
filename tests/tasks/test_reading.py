from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cascade import docs as documents
from cascade.errors import GraphError
from cascade.nn.decoders.base import Output
from cascade.nn.decoders.reader import SpanReader
from cascade.nn.layout import Layout
from cascade.nn.rows import MISSING, Rows
from cascade.tasks import Reading
from cascade.tasks.asked import right_spans
from tests.layouts import NONE
from tests.questions import BOAT, CLOCK, LAMP, NLP, asked, question

LONGEST = 3
DECODER = SpanReader(2, longest=LONGEST, beam=9, spans=9, overlap="none", dropout=0.0)


def rows_of(lengths: Sequence[int], alive: Sequence[bool] | None = None) -> Rows:
    parent = torch.tensor([i for i, n in enumerate(lengths) for _ in range(n)], dtype=torch.long)
    left = [True] * len(lengths) if alive is None else list(alive)
    return Rows(parent=parent, alive=torch.tensor(left, dtype=torch.bool)[parent], size=len(lengths))


def output_of(
    start: Sequence[float],
    end: Sequence[float],
    null: Sequence[tuple[float, float]],
    lengths: Sequence[int],
    *,
    alive: Sequence[bool] | None = None,
    spans: Sequence[tuple[int, int]] = (),
    retrieved: Sequence[float] | None = None,
) -> Output:
    """Scores of the words of one question's passages; scores that a `Candidates` edge has brought."""
    tokens = rows_of(lengths, alive)
    texts = Rows(
        parent=torch.zeros(len(lengths), dtype=torch.long),
        alive=torch.tensor([True] * len(lengths) if alive is None else list(alive)),
        size=1,
    )
    layout = Layout({"token": tokens, "text": texts, "span": rows_of([0] * len(lengths))}, NONE, NONE)
    if retrieved is not None:
        layout = replace(layout, added={"retrieve": ("text", torch.tensor(retrieved))})
    layout = layout.propose(torch.tensor(spans, dtype=torch.long).reshape(-1, 2))
    scores = {
        "start": torch.tensor(start, requires_grad=True),
        "end": torch.tensor(end, requires_grad=True),
        "null": torch.tensor(null, requires_grad=True),
    }
    rows = layout.rows["span"]
    return Output(
        rows=rows,
        hidden=scores["start"],
        scores=scores,
        decoder=DECODER,
        candidates=layout.scores("span"),
        layout=layout,
    )


def gold_of(words: int, *spans: tuple[int, int], unknown: Sequence[int] = ()) -> Mapping[str, Tensor]:
    table = torch.zeros(words, LONGEST, dtype=torch.long)
    table[list(unknown)] = MISSING
    for first, last in spans:
        table[first, last - first] = 1
    return {"spans": table}


START, END = [1.0, 0.5, -1.0, 2.0, 0.0], [0.0, 1.5, 2.0, -1.0, 1.0]
NULL = [(0.5, -0.5), (1.0, 2.0)]


def log_p(values: Sequence[float], null: float) -> list[float]:
    """Of each, and of nothing at the end."""
    total = math.log(sum(math.exp(value) for value in (*values, null)))
    return [value - total for value in (*values, null)]


FIRST = log_p(START[:3], NULL[0][0]), log_p(END[:3], NULL[0][1])
SECOND = log_p(START[3:], NULL[1][0]), log_p(END[3:], NULL[1][1])


def test_targets() -> None:
    task = Reading("read", longest=3)
    spans = task.targets(question("q", ["a bc, d", "e"], [(0, "a"), (0, "bc, d"), (1, "e")]))
    assert spans is not None
    assert spans["spans"].tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0], [1, 0, 0]]
    longer = task.targets(question("q", ["a b c d"], [(0, "a b c d"), (0, "b c")]))
    assert longer is not None
    assert longer["spans"].sum() == longer["spans"][1, 1] == 1
    within = task.targets(question("q", ["overthrow it"], [(0, "throw")]))
    assert within is not None
    assert within["spans"][0, 0] == 1, "a part of a word is told by the word"
    assert (task.targets(asked()[3]) or {})["spans"].sum() == 0
    assert task.targets(asked()[4]) is task.targets(NLP.make_doc("plain")) is None
    assert task.targets(question("q", ["", " "], [])) is not None


def test_the_loss_of_one_span_by_hand() -> None:
    """Both passages are known; the second has no answer."""
    output, gold = output_of(START, END, NULL, [3, 2]), gold_of(5, (0, 1))
    expected = -(FIRST[0][0] + FIRST[1][1] + SECOND[0][-1] + SECOND[1][-1]) / 2 / 2
    for mentions in ("any", "all"):
        assert Reading("r", mentions=mentions).loss(output, gold).item() == pytest.approx(expected)  # type: ignore[arg-type]


def test_several_mentions_by_hand() -> None:
    output, gold = output_of(START, END, NULL, [3, 2]), gold_of(5, (0, 1), (2, 2), (3, 4))
    pairs = [FIRST[0][0] + FIRST[1][1], FIRST[0][2] + FIRST[1][2]]
    second = SECOND[0][0] + SECOND[1][1]
    either = math.log(sum(math.exp(pair) for pair in pairs))
    assert Reading("r").loss(output, gold).item() == pytest.approx(-(either + second) / 2 / 2)
    mean = sum(pairs) / 2
    assert Reading("r", mentions="all").loss(output, gold).item() == pytest.approx(-(mean + second) / 2 / 2)


def test_scores_of_the_passage_count_for_its_spans_against_no_answer() -> None:
    retrieved = [0.8, -0.6]
    output = output_of(START, END, NULL, [3, 2], retrieved=retrieved)
    first = log_p(START[:3], NULL[0][0] - 0.4), log_p(END[:3], NULL[0][1] - 0.4)
    second = log_p(START[3:], NULL[1][0] + 0.3), log_p(END[3:], NULL[1][1] + 0.3)
    expected = -(first[0][0] + first[1][1] + second[0][-1] + second[1][-1]) / 2 / 2
    assert Reading("r").loss(output, gold_of(5, (0, 1))).item() == pytest.approx(expected)


@pytest.mark.parametrize("mentions", ["any", "all"])
def test_pruned_and_unknown_passages_and_such_without_words_give_no_loss(mentions: Any) -> None:
    task, gold = Reading("r", mentions=mentions), gold_of(5, (0, 1), (3, 3))
    alone = task.loss(output_of(START[:3], END[:3], NULL[:1], [3]), gold_of(3, (0, 1))).item()
    null = [NULL[0], (9.0, 9.0), NULL[1]]
    pruned = output_of(START, END, null, [3, 0, 2], alive=[True, True, False])
    loss = task.loss(pruned, gold)
    loss.backward()
    assert loss.item() == pytest.approx(alone)
    assert pruned.scores["start"].grad[3:].abs().sum() == 0  # type: ignore[index]
    assert task.loss(output_of(START, END, null, [3, 0, 2]), gold_of(5, (0, 1), unknown=[3, 4])).item() == (
        pytest.approx(alone)
    )
    for nothing in (
        task.loss(output_of(START, END, NULL, [3, 2]), gold_of(5, unknown=range(5))),
        task.loss(output_of(START, END, NULL, [3, 2], alive=[False, False]), gold),
        task.loss(output_of([], [], [(1.0, 1.0)], [0]), gold_of(0)),
    ):
        assert nothing.item() == 0
        nothing.backward()


@pytest.mark.parametrize("mentions", ["any", "all"])
def test_the_loss_of_extreme_scores_is_finite(mentions: Any) -> None:
    output = output_of([1e4, -1e4, 0.0], [-1e4, 0.0, 1e4], [(0.0, 0.0)], [3])
    loss = Reading("r", mentions=mentions).loss(output, gold_of(3, (1, 1), (0, 2), (1, 2)))
    loss.backward()
    assert loss.isfinite()
    assert all(score.grad.isfinite().all() for score in output.scores.values())  # type: ignore[union-attr]


def test_a_span_has_the_log_odds_against_no_answer_in_its_passage() -> None:
    spans = [(0, 1), (2, 2), (3, 4)]
    output = output_of(START, END, NULL, [3, 2], spans=spans, retrieved=[10.0, 20.0])
    own = [1.0 + 1.5 - 0.0, -1.0 + 2.0 - 0.0, 2.0 + 1.0 - 3.0]
    torch.testing.assert_close(Reading("r").keep(output), torch.tensor(own))
    with torch.no_grad():
        found = Reading("r").decode(output)
    np.testing.assert_allclose(found["score"], np.array(own) + [10, 10, 20])
    np.testing.assert_allclose(found["start"] + found["end"] - found["null"], own)
    assert [found[key].tolist() for key in ("text", "first", "last")] == [[0, 0, 1], [0, 2, 0], [1, 2, 1]]


def test_gold_spans_of_what_is_alive() -> None:
    output = output_of(START, END, NULL, [3, 2], alive=[False, True], spans=[(3, 3), (3, 4)])
    gold = gold_of(5, (0, 1), (1, 1), (3, 4), unknown=[2])
    task = Reading("r")
    assert task.gold_spans(gold, output.layout).tolist() == [[3, 4]]
    assert task.gold_rows(output, gold).tolist() == [False, True]


def test_a_span_longer_than_gold_can_be_is_not_right() -> None:
    gold = gold_of(5, (0, 2))["spans"]
    assert right_spans(torch.tensor([[0, 2], [0, 1], [0, 3], [0, 4]]), gold).tolist() == [True, False, False, False]
    assert right_spans(torch.zeros(0, 2, dtype=torch.long), gold).tolist() == []


def test_annotation_keeps_answers_that_are_likelier_than_none() -> None:
    doc = question("who", [CLOCK, LAMP])
    predictions = {
        "text": np.array([0, 1, 1]),
        "first": np.array([0, 5, 1]),
        "last": np.array([1, 5, 1]),
        "score": np.array([-0.1, 2.0, 0.5]),
    }
    kept = Reading("read").annotate(doc, predictions)
    assert [answer.plain for answer in doc._.answers] == ["mara", "lamp"]
    assert documents.stage(doc, "read") == {"answers": ["mara", "lamp", "old clocks"], "wrote": True}
    assert np.array_equal(kept["scores"], predictions["score"])
    Reading("other").annotate(doc, {**predictions, "score": -predictions["score"]}, overwrite=False)
    assert [answer.plain for answer in doc._.answers] == ["old clocks"], "a later stage has the say"
    Reading("other").annotate(doc, {**predictions, "score": np.full(3, -1.0)})
    assert doc._.answers == []
    assert documents.stage(doc, "other")["answers"] == ["old clocks", "mara", "lamp"]
    assert Reading("read").annotate(NLP.make_doc("plain"), {k: v[:0] for k, v in predictions.items()}) == {}


@pytest.mark.parametrize(
    "settings", [{"mentions": "some"}, {"overlap": "em"}, {"longest": 0}, {"beam": 0}, {"spans": 0}, {"dropout": -1.0}]
)
def test_wrong_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(GraphError, match=next(iter(settings))):
        Reading("r", **settings)


def test_boat_has_two_mentions() -> None:
    found = Reading("r").targets(question("who", [BOAT], [(0, "mara. mara"), (0, "mara")]))
    assert found is not None
    assert np.argwhere(found["spans"]).tolist() == [[5, 0], [5, 2]]
