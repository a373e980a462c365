from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from cascade.nn.decoders.reader import Overlap, SpanReader, SpanScorer
from cascade.nn.rows import Rows

Span = tuple[int, int]


def rows_of(lengths: list[int], alive: list[bool] | None = None) -> Rows:
    parent = torch.tensor([i for i, n in enumerate(lengths) for _ in range(n)], dtype=torch.long)
    left = torch.ones(len(parent), dtype=torch.bool) if alive is None else torch.tensor(alive, dtype=torch.bool)
    return Rows(parent=parent, alive=left, size=len(lengths))


def reader(*, longest: int = 3, beam: int = 20, spans: int = 4, overlap: Overlap = "none") -> SpanReader:
    return SpanReader(2, longest=longest, beam=beam, spans=spans, overlap=overlap, dropout=0.0)


def scored(module: SpanReader, start: list[float], end: list[float], rows: Rows, known: Tensor | None = None) -> Tensor:
    """The spans that are proposed when the tokens score so."""
    with torch.no_grad():
        module.ends.weight.copy_(torch.eye(2))
        module.ends.bias.zero_()
    spans = module(torch.tensor([start, end]).T.reshape(-1, 2), rows, known)["spans"]
    assert isinstance(spans, Tensor)
    return spans


def proposed(
    start: list[float], end: list[float], *, longest: int, beam: int, spans: int, overlap: Overlap
) -> list[Span]:
    """Every span of one text in turn, the best first, as long as no better one strikes it out."""
    firsts = sorted(range(len(start)), key=lambda i: -start[i])[:beam]
    lasts = sorted(range(len(end)), key=lambda i: -end[i])[:beam]
    pairs = [(i, j) for i in firsts for j in lasts if 0 <= j - i < longest]
    kept: list[Span] = []
    for i, j in sorted(pairs, key=lambda pair: -(start[pair[0]] + end[pair[1]])):
        strikes = {
            "same_boundary": any(i == a or j == b for a, b in kept),
            "any": any(set(range(i, j + 1)) & set(range(a, b + 1)) for a, b in kept),
            "none": False,
        }
        if len(kept) < spans and not strikes[overlap]:
            kept.append((i, j))
    return kept


distinct = st.lists(st.integers(-50, 50), min_size=0, max_size=7, unique=True)


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(distinct.flatmap(lambda s: st.tuples(st.just(s), st.permutations(s))), min_size=1, max_size=3),
    longest=st.integers(1, 5),
    beam=st.integers(1, 8),
    spans=st.integers(1, 6),
    overlap=st.sampled_from(get_args(Overlap)),
)
def test_proposals_are_those_of_a_search_through_all_spans(
    texts: list[tuple[list[int], list[int]]], longest: int, beam: int, spans: int, overlap: Overlap
) -> None:
    start, end, expected, before = [], [], [], 0
    for number, (own, other) in enumerate(texts):
        first = [value + 0.001 * i * (number + 1) for i, value in enumerate(own)]  # hardly any ties
        last = [1.37 * value + 0.0007 * i * i for i, value in enumerate(other)]
        found = proposed(first, last, longest=longest, beam=beam, spans=spans, overlap=overlap)
        expected.append({(i + before, j + before) for i, j in found})
        before, start, end = before + len(own), start + first, end + last
    rows = rows_of([len(own) for own, _ in texts])
    module = reader(longest=longest, beam=beam, spans=spans, overlap=overlap)
    found_spans = [(int(i), int(j)) for i, j in scored(module, start, end, rows)]
    by_text = [{s for s in found_spans if rows.parent[s[0]] == number} for number in range(len(texts))]
    assert by_text == expected
    assert [int(rows.parent[i]) for i, _ in found_spans] == sorted(int(rows.parent[i]) for i, _ in found_spans)
    totals = [(int(rows.parent[i]), -start[i] - end[j]) for i, j in found_spans]
    assert totals == sorted(totals), "the best of a text first"


def test_spans_of_one_token_overlap_like_any_other() -> None:
    """RE3QA's arithmetic finds no overlap of such spans, as it takes the last token for one past the last."""
    start, end = [5.0, 1.0, 0.0], [5.0, 4.0, -0.5]
    rows = rows_of([3])
    assert scored(reader(overlap="any"), start, end, rows).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert scored(reader(overlap="same_boundary"), start, end, rows).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert scored(reader(overlap="none"), start, end, rows).tolist() == [[0, 0], [0, 1], [1, 1], [0, 2]]


def test_pruned_texts_and_texts_without_words_propose_nothing() -> None:
    scores = [1.0, 2.0, 3.0, 4.0]
    rows = rows_of([2, 0, 2], [False, False, True, True])
    assert {i for i, _ in scored(reader(), scores, scores, rows).tolist()} == {2, 3}
    for nothing in (rows_of([2, 0, 2], [False] * 4), rows_of([0, 0]), rows_of([])):
        assert scored(reader(), scores[: len(nothing)], scores[: len(nothing)], nothing).shape == (0, 2)


def test_known_spans_are_among_the_proposals_once_and_in_the_order_of_the_texts() -> None:
    scores = [4.0, 3.0, 2.0, 1.0, 9.0]
    known = torch.tensor([[0, 0], [1, 2], [3, 4]])
    found = scored(reader(spans=1), scores, scores, rows_of([3, 2]), known).tolist()
    assert found == [[0, 0], [1, 2], [3, 4], [4, 4]]
    assert scored(reader(spans=1), scores, scores, rows_of([3, 2]), known[:0]).tolist() == [[0, 0], [4, 4]]


def test_scores_and_states() -> None:
    module, states = SpanReader(4, longest=3, beam=9, spans=2, overlap="none", dropout=0.0), torch.randn(5, 4)
    rows = rows_of([3, 0, 2])
    found = module(states, rows)
    torch.testing.assert_close(torch.stack([found["start"], found["end"]], dim=1), module.ends(states))
    pooled = module.pool.pool(states, rows)
    torch.testing.assert_close(found["null"], module.null(pooled))
    assert torch.equal(found["null"][1], module.null.bias), "a text without words has a null score all the same"
    for (first, last), hidden in zip(found["spans"].tolist(), found["hidden"], strict=True):
        assert torch.equal(hidden, torch.cat([states[first], states[last]]))
    assert found["hidden"].shape[1] == module.hidden_width


def test_choosing_spans_costs_no_gradient_but_their_states_have_one() -> None:
    states = torch.randn(4, 4, requires_grad=True)
    module = SpanReader(4, longest=3, beam=9, spans=1, overlap="none", dropout=0.0)
    found = module(states, rows_of([4]))
    assert not found["spans"].requires_grad
    found["hidden"].sum().backward()
    assert states.grad is not None
    assert set(states.grad.any(1).nonzero().flatten().tolist()) == set(found["spans"].flatten().tolist())


@pytest.mark.parametrize("overlap", get_args(Overlap))
def test_more_spans_than_there_are(overlap: Overlap) -> None:
    found = scored(reader(longest=9, spans=50, overlap=overlap), [3.0, 2.0, 1.0], [1.0, 2.0, 3.5], rows_of([3]))
    expected = proposed([3.0, 2.0, 1.0], [1.0, 2.0, 3.5], longest=9, beam=20, spans=50, overlap=overlap)
    assert {(i, j) for i, j in found.tolist()} == set(expected)


def test_a_scorer_is_a_hidden_layer_with_tanh() -> None:
    module, states = SpanScorer(4, hidden=6, dropout=0.5).eval(), torch.randn(3, 4)
    scores = module(states, rows_of([3]))
    hidden = torch.tanh(states @ module.hidden.weight.T + module.hidden.bias)
    torch.testing.assert_close(scores["hidden"], hidden)
    torch.testing.assert_close(scores["score"], (hidden @ module.output.weight.T)[:, 0] + module.output.bias)
    assert not torch.equal(module.train()(states, rows_of([3]))["score"], scores["score"])
    assert module(states[:0], rows_of([0]))["score"].shape == (0,)
