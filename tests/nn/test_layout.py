from __future__ import annotations

from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from cascade.graph import Unit
from cascade.nn.layout import Layout
from cascade.nn.rows import Rows


def rows_of(lengths: list[int], alive: list[bool] | None = None) -> Rows:
    parent = torch.tensor([i for i, n in enumerate(lengths) for _ in range(n)], dtype=torch.long)
    left = torch.ones(len(parent), dtype=torch.bool) if alive is None else torch.tensor(alive, dtype=torch.bool)
    return Rows(parent=parent, alive=left, size=len(lengths))


def layout_of(texts: list[int], tokens: list[int]) -> Layout:
    """Docs of so many texts each, texts of so many tokens each; Docs of two texts are pairs."""
    first = [sum(texts[:i]) for i, n in enumerate(texts) if n == 2]
    units: dict[Unit, Rows] = {
        "token": rows_of(tokens),
        "text": rows_of(texts),
        "pair": rows_of([int(n == 2) for n in texts]),
        "span": rows_of([0] * len(tokens)),
    }
    pairs = torch.tensor([(i, i + 1) for i in first], dtype=torch.long).view(-1, 2)
    return Layout(units, pairs, torch.zeros(0, 2, dtype=torch.long))


@st.composite
def candidates(draw: st.DrawFn) -> tuple[list[int], list[float], list[bool], list[bool], int]:
    """Rows per parent; scores full of ties, which rows are alive, and which are forced; k."""
    lengths = draw(st.lists(st.integers(0, 5), min_size=1, max_size=5))
    n = sum(lengths)
    scores = draw(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=n, max_size=n))
    flags = [draw(st.lists(st.booleans(), min_size=n, max_size=n)) for _ in range(2)]
    return lengths, scores, flags[0], flags[1], draw(st.integers(1, 4))


@given(candidates())
def test_the_k_best_of_every_parent_are_left(case: tuple[list[int], list[float], list[bool], list[bool], int]) -> None:
    lengths, scores, alive, forced, k = case
    layout = layout_of(lengths, [1] * len(scores))
    layout = replace(layout, rows={**layout.rows, "text": rows_of(lengths, alive)})
    pruned = layout.prune("up", "text", torch.tensor(scores), k, torch.tensor(forced, dtype=torch.bool))
    kept, start = set(), 0
    for length in lengths:
        living = [i for i in range(start, start + length) if alive[i]]
        kept |= set(sorted(living, key=lambda i: (not forced[i], -scores[i] if not forced[i] else 0, i))[:k])
        start += length
    assert pruned.rows["text"].alive.nonzero().flatten().tolist() == sorted(kept)
    assert torch.equal(pruned.rows["token"].alive, pruned.rows["text"].alive)


def test_what_lies_below_dies_and_so_does_a_pair_without_one_of_its_texts() -> None:
    layout = layout_of([2, 1, 2], [2, 1, 3, 0, 2])
    pruned = layout.prune("up", "text", torch.tensor([0.0, 1.0, 5.0, 2.0, 2.0]), 1)
    assert pruned.rows["text"].alive.tolist() == [False, True, True, True, False]
    assert pruned.rows["token"].alive.tolist() == [False, False, True, True, True, True, False, False]
    assert pruned.rows["pair"].alive.tolist() == [False, False]
    assert layout.rows["token"].alive.all()


def test_pruning_tokens_leaves_texts_alone() -> None:
    pruned = layout_of([1, 1], [3, 2]).prune("up", "token", torch.tensor([1.0, 3.0, 2.0, 0.0, 1.0]), 2)
    assert pruned.rows["token"].alive.tolist() == [False, True, True, True, True]
    assert pruned.rows["text"].alive.all()


def test_the_dead_stay_dead_below_too() -> None:
    layout = layout_of([2], [2, 2]).prune("a", "token", torch.tensor([1.0, 0.0, 0.0, 1.0]), 1)
    pruned = layout.prune("b", "text", torch.tensor([0.0, 1.0]), 1)
    assert pruned.rows["token"].alive.tolist() == [False, False, False, True]


def test_scores_come_from_all_rows_above_and_carry_gradient() -> None:
    layout = layout_of([2], [2, 1])
    assert layout.scores("token").tolist() == [0, 0, 0]
    texts = torch.tensor([1.0, 2.0], requires_grad=True)
    tokens = torch.tensor([10.0, 20.0, 30.0], requires_grad=True)
    pruned = layout.prune("a", "text", texts, 2).prune("b", "token", tokens, 2)
    assert pruned.scores("text").tolist() == [1, 2]
    assert pruned.scores("token").tolist() == [11, 21, 32]
    assert pruned.scores("pair").tolist() == [0]
    pruned.scores("token").sum().backward()
    assert texts.grad is not None
    assert tokens.grad is not None
    assert (texts.grad.tolist(), tokens.grad.tolist()) == ([2, 1], [1, 1, 1])


def test_two_paths_meet_in_the_rows_that_both_have_left() -> None:
    scores = torch.tensor([3.0, 2.0, 1.0])
    start = layout_of([3], [1, 1, 1])
    left = start.prune("a", "text", scores, 2)
    right = start.prune("a", "text", scores, 3).prune("b", "text", torch.tensor([0.0, 1.0, 2.0]), 2)
    for met in (left.meet(right), right.meet(left)):
        assert met.rows["text"].alive.tolist() == [False, True, False]
        assert met.rows["token"].alive.tolist() == [False, True, False]
        assert met.scores("text").tolist() == [3, 3, 3], "the scores of a count once, whichever way they came"
    assert torch.equal(left.meet(start).rows["text"].alive, left.rows["text"].alive)


SPANS = torch.tensor([[0, 1], [1, 1], [3, 5], [6, 6]])


def spanned() -> Layout:
    """Two Docs of two texts and one; spans in the first, the second and the last text."""
    return layout_of([2, 1], [3, 3, 1]).propose(SPANS)


def test_spans_belong_to_the_texts_of_their_tokens() -> None:
    layout = spanned()
    assert layout.rows["span"].parent.tolist() == [0, 0, 1, 2]
    assert layout.rows["span"].size == 3
    assert layout.places.tolist() == [[0, 0, 1], [0, 1, 1], [1, 0, 2], [0, 0, 0]]
    none = layout_of([1, 1], [2, 0]).propose(SPANS[:0])
    assert none.places.shape == (0, 3)
    assert none.prune("read", "span", torch.zeros(0), 2).scores("span").shape == (0,)


def test_spans_die_with_their_text_and_by_themselves() -> None:
    layout = spanned().prune("retrieve", "text", torch.tensor([1.0, 2.0, 3.0]), 1)
    assert layout.rows["span"].alive.tolist() == [False, False, True, True]
    pruned = spanned().prune("read", "span", torch.tensor([1.0, 4.0, 0.0, 2.0]), 1)
    assert pruned.rows["span"].alive.tolist() == [False, True, True, True]
    assert pruned.rows["text"].alive.all()
    assert pruned.rows["token"].alive.all()


def test_a_span_has_the_scores_of_its_text_too() -> None:
    texts, spans = torch.tensor([10.0, 20.0, 30.0]), torch.arange(4.0)
    layout = spanned().prune("retrieve", "text", texts, 2).prune("read", "span", spans, 4)
    assert layout.scores("span").tolist() == [10, 11, 22, 33]
    assert layout.scores("text").tolist() == [10, 20, 30]


def test_spans_meet_what_another_path_has_pruned() -> None:
    scores = torch.tensor([1.0, 2.0, 3.0])
    start = layout_of([2, 1], [3, 3, 1])
    proposed = start.propose(SPANS).prune("read", "span", torch.tensor([1.0, 2.0, 3.0, 4.0]), 1)
    pruned = start.prune("retrieve", "text", scores, 1)
    for met in (proposed.meet(pruned), pruned.meet(proposed)):
        assert torch.equal(met.spans, SPANS)
        assert met.rows["span"].alive.tolist() == [False, False, True, True]
        assert met.scores("span").tolist() == [2, 3, 5, 7]
        assert met.rows["text"].alive.tolist() == [False, True, True]
    both = proposed.meet(start.propose(SPANS).prune("other", "span", torch.tensor([2.0, 1.0, 0.0, 0.0]), 1))
    assert both.rows["span"].alive.tolist() == [False, False, True, True]
