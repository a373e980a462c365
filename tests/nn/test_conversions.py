from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from cascade.nn.conversions import Broadcast, Comparison, Pool, SpanPool, conversion
from cascade.nn.layout import Layout
from cascade.nn.rows import Rows

TEXTS = [[0, 1, 2], [], [3, 4], [5], []]
PAIRS = [(0, 2), (1, 3)]
NO_SPANS = torch.zeros(0, 2, dtype=torch.long)


@pytest.fixture
def states() -> Tensor:
    return torch.randn(6, 4, requires_grad=True)


@pytest.fixture
def layout() -> Layout:
    """Five texts, two of them empty; the first four are two pairs."""

    def rows(parent: list[int], size: int) -> Rows:
        return Rows(parent=torch.tensor(parent), alive=torch.ones(len(parent), dtype=torch.bool), size=size)

    tokens = rows([i for i, text in enumerate(TEXTS) for _ in text], len(TEXTS))
    units = {"token": tokens, "text": rows([0, 1, 0, 1, 2], 3), "pair": rows([0, 1], 3)}
    return Layout(units, torch.tensor(PAIRS), NO_SPANS)  # type: ignore[arg-type]


def attend(pool: Pool) -> Callable[[Tensor], Tensor]:
    assert pool.query is not None
    query = pool.query.weight[0]

    def run(text: Tensor) -> Tensor:
        weights = torch.tensor([(query @ row).item() for row in text]).exp()
        return sum((w * row for w, row in zip(weights / weights.sum(), text, strict=True)), torch.zeros(4))

    return run


def by_text(pool: Pool, states: Tensor) -> Tensor:
    """Every text by itself."""
    how: dict[str, Callable[[Tensor], Tensor]] = {
        "max": lambda text: text.max(0).values,
        "mean": lambda text: text.mean(0),
        "first": lambda text: text[0],
    }
    run = how[pool.how] if pool.how in how else attend(pool)
    return torch.stack([run(states[text]) if text else torch.zeros(4) for text in TEXTS])


@pytest.mark.parametrize("how", ["max", "mean", "first", "attention"])
def test_pools_are_what_they_are_text_by_text(how: str, states: Tensor, layout: Layout) -> None:
    pool = conversion("text", how, 4)
    assert isinstance(pool, Pool)
    assert pool.width == 4
    pooled = pool(states, layout)
    torch.testing.assert_close(pooled, by_text(pool, states))
    pooled.sum().backward()
    assert states.grad is not None
    assert states.grad.isfinite().all()


@pytest.mark.parametrize("compare", ["absolute", "signed"])
def test_comparisons_by_hand(compare: str, states: Tensor, layout: Layout) -> None:
    module = conversion("pair", "mean", 4, compare)  # type: ignore[arg-type]
    assert isinstance(module, Comparison)
    assert module.width == 8
    texts = by_text(module.pool, states)
    expected = []
    for a, b in ((texts[i], texts[j]) for i, j in PAIRS):
        expected.append(torch.cat([(a - b).abs() if compare == "absolute" else a - b, a * b]))
    torch.testing.assert_close(module(states, layout), torch.stack(expected))


def test_a_text_is_broadcast_to_its_tokens(layout: Layout) -> None:
    texts = torch.arange(10.0).view(5, 2)
    module = conversion("token", "broadcast", 2)
    assert isinstance(module, Broadcast)
    assert module(texts, layout).tolist() == [texts[i].tolist() for i, text in enumerate(TEXTS) for _ in text]


@pytest.mark.parametrize("how", ["max", "mean", "first", "attention"])
def test_a_batch_without_any_token(how: str) -> None:
    none = Rows(parent=torch.zeros(0, dtype=torch.long), alive=torch.zeros(0, dtype=torch.bool), size=2)
    both = Rows(parent=torch.tensor([0, 1]), alive=torch.ones(2, dtype=torch.bool), size=2)
    layout = Layout({"token": none, "text": both}, NO_SPANS, NO_SPANS)
    assert torch.equal(Pool(how, 4)(torch.zeros(0, 4), layout), torch.zeros(2, 4))


@pytest.mark.parametrize("how", ["max", "mean", "first", "attention"])
def test_spans_are_pooled_one_by_one_even_where_they_overlap(how: str, states: Tensor, layout: Layout) -> None:
    module = conversion("span", how, 4)
    assert isinstance(module, SpanPool)
    spans = [(0, 2), (0, 0), (1, 2), (5, 5)]
    pooled = module(states, layout.propose(torch.tensor(spans)))
    for (first, last), found in zip(spans, pooled, strict=True):
        one = Rows(
            parent=torch.zeros(last - first + 1, dtype=torch.long), alive=torch.ones(1, dtype=torch.bool), size=1
        )
        torch.testing.assert_close(found, Pool.pool(module, states[first : last + 1], one)[0])
    pooled.sum().backward()
    assert states.grad is not None
    assert states.grad.isfinite().all()
    assert module(states, layout).shape == (0, 4)


def test_a_text_is_broadcast_to_its_spans(layout: Layout) -> None:
    texts = torch.arange(10.0).view(5, 2)
    spans = layout.propose(torch.tensor([[0, 2], [1, 1], [5, 5]]))
    assert conversion("span", "broadcast", 2)(texts, spans).tolist() == texts[[0, 0, 3]].tolist()
