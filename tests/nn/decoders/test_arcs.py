from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cascade.nn.decoders.arcs import LOWEST, ArcDecoder, Biaffine, HeadSelection, possible
from cascade.nn.rows import Rows

LENGTHS = [3, 0, 1, 4]
WIDTH, CLASSES = 6, 3


def rows_of(lengths: list[int]) -> Rows:
    parent = torch.tensor([i for i, n in enumerate(lengths) for _ in range(n)], dtype=torch.long)
    return Rows(parent=parent, alive=torch.ones(len(parent), dtype=torch.bool), size=len(lengths))


def randomized(decoder: ArcDecoder) -> ArcDecoder:
    for parameter in decoder.parameters():
        nn.init.normal_(parameter)
    return decoder.eval()


@pytest.fixture(params=["biaffine", "selection"])
def decoder(request: pytest.FixtureRequest) -> ArcDecoder:
    """Either decoder, with weights that are all alike random."""
    if request.param == "biaffine":
        return randomized(Biaffine(WIDTH, arcs=5, relations=4, classes=CLASSES))
    return randomized(HeadSelection(WIDTH, hidden=5, classes=CLASSES))


class Naive:
    """Every arc by itself, by the equations of the papers."""

    def __init__(self, decoder: ArcDecoder) -> None:
        self.decoder = decoder

    def arc(self, dependent: Tensor, head: Tensor) -> Tensor:
        d = self.decoder
        if isinstance(d, HeadSelection):
            return dependent @ (d.arc @ head)
        own, other = self._represent(dependent, 0), self._represent(head, 1)
        matrix, bias = d.arc[:-1], d.arc[-1]  # type: ignore[index]
        return own @ matrix @ other + bias @ other

    def relation(self, dependent: Tensor, head: Tensor) -> Tensor:
        d = self.decoder
        if isinstance(d, HeadSelection):
            hidden = (d.hidden.weight @ torch.cat([dependent, head]) + d.hidden.bias).relu()
            return d.output.weight @ hidden + d.output.bias
        assert isinstance(d, Biaffine)
        own, other = self._represent(dependent, 2), self._represent(head, 3)
        scores = []
        for table in d.relation:
            bilinear, linear = own @ table[:-1, :-1] @ other, own @ table[:-1, -1] + other @ table[-1, :-1]
            scores.append(bilinear + linear + table[-1, -1])
        return torch.stack(scores)

    def _represent(self, state: Tensor, which: int) -> Tensor:
        d = self.decoder
        assert isinstance(d, Biaffine)
        part = slice(sum(d.sizes[:which]), sum(d.sizes[: which + 1]))
        return functional.leaky_relu(d.project.weight[part] @ state + d.project.bias[part], 0.1)


def groups(decoder: ArcDecoder, states: Tensor) -> list[list[Tensor]]:
    """States of every group, the root first."""
    root: Tensor = decoder.root  # type: ignore[assignment]
    return [[root, *group] for group in states.split(LENGTHS) if len(group)]


def test_arc_scores_are_those_of_every_arc_by_itself(decoder: ArcDecoder) -> None:
    states, rows, naive = torch.randn(8, WIDTH), rows_of(LENGTHS), Naive(decoder)
    arcs = decoder(states, rows)["arcs"]
    assert arcs.shape == (8, 5)
    lines = iter(arcs)
    for group in groups(decoder, states):
        for place, dependent in enumerate(group[1:], 1):
            expected = [naive.arc(dependent, head) for head in group]
            expected[place] = torch.tensor(LOWEST)
            padding = [torch.tensor(LOWEST)] * (5 - len(group))
            torch.testing.assert_close(next(lines), torch.stack([*expected, *padding]))


def test_relation_scores_are_those_of_every_arc_by_itself(decoder: ArcDecoder) -> None:
    states, rows, naive = torch.randn(8, WIDTH), rows_of(LENGTHS), Naive(decoder)
    heads = torch.tensor([2, 0, 2, 0, 4, 1, 0, 3])
    found = decoder.relations(decoder(states, rows), rows, heads)
    flat = [(group, place) for group in groups(decoder, states) for place in range(1, len(group))]
    expected = [naive.relation(group[i], group[int(head)]) for (group, i), head in zip(flat, heads, strict=True)]
    torch.testing.assert_close(found, torch.stack(expected))


def test_expected_relations_sum_over_every_head(decoder: ArcDecoder) -> None:
    states, rows, naive = torch.randn(8, WIDTH), rows_of(LENGTHS), Naive(decoder)
    expected = []
    for group in groups(decoder, states):
        for i in range(1, len(group)):
            heads = [h for h in range(len(group)) if h != i]
            chances = torch.stack([naive.arc(group[i], group[h]) for h in heads]).softmax(0)
            relations = torch.stack([naive.relation(group[i], group[h]).softmax(0) for h in heads])
            expected.append(chances @ relations)
    found = decoder.expected_relations(decoder(states, rows), rows)
    torch.testing.assert_close(found, torch.stack(expected))
    torch.testing.assert_close(found.sum(1), torch.ones(8))


def test_possible_heads_are_the_root_and_the_other_rows() -> None:
    assert possible(rows_of([2, 3])).int().tolist() == [
        *([1, 0, 1, 0], [1, 1, 0, 0]),
        *([1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0]),
    ]


def test_impossible_heads_get_no_probability_and_no_gradient(decoder: ArcDecoder) -> None:
    rows = rows_of(LENGTHS)
    scores = decoder(torch.randn(8, WIDTH), rows)
    chances = scores["arcs"].softmax(-1)
    assert not chances[~possible(rows)].any()
    functional.cross_entropy(scores["arcs"], torch.zeros(8, dtype=torch.long)).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in decoder.parameters())


def test_groups_do_not_reach_each_other(decoder: ArcDecoder) -> None:
    states = torch.randn(8, WIDTH)
    together, alone = decoder(states, rows_of(LENGTHS)), decoder(states[:3], rows_of([3]))
    torch.testing.assert_close(together["arcs"][:3, :4], alone["arcs"])


def test_no_rows(decoder: ArcDecoder) -> None:
    rows = rows_of([0, 0])
    scores = decoder(torch.zeros(0, WIDTH), rows)
    assert decoder.relations(scores, rows, torch.zeros(0, dtype=torch.long)).shape == (0, CLASSES)
    assert decoder.expected_relations(scores, rows).shape == (0, CLASSES)
    assert scores["hidden"].shape == (0, decoder.hidden_width)


def test_head_selection_by_hand() -> None:
    decoder = HeadSelection(2, hidden=1, classes=2).eval()
    with torch.no_grad():
        decoder.root.copy_(torch.tensor([1.0, 1.0]))
        decoder.arc.copy_(torch.tensor([[0.0, 1.0], [2.0, 0.0]]))
    arcs = decoder(torch.tensor([[1.0, 0.0], [3.0, 5.0]]), rows_of([2]))["arcs"]
    # W r = (1, 2), W h1 = (0, 2), W h2 = (5, 6)
    assert arcs.tolist() == [[1, LOWEST, 5], [13, 10, LOWEST]]


def test_biaffine_begins_with_even_chances() -> None:
    decoder, rows = Biaffine(WIDTH, arcs=5, relations=4, classes=CLASSES).eval(), rows_of([3])
    scores = decoder(torch.randn(3, WIDTH), rows)
    assert torch.equal(scores["arcs"].softmax(-1), possible(rows) / 3)
    assert not decoder.relations(scores, rows, torch.tensor([0, 1, 1])).any()


def test_biaffine_drops_the_same_units_at_all_rows_of_a_group() -> None:
    decoder = randomized(Biaffine(WIDTH, arcs=50, relations=40, classes=CLASSES, dropout=0.5)).train()
    scores = decoder(torch.randn(8, WIDTH), rows_of(LENGTHS))
    roots, heads = scores["heads"].split([3, 8])
    lengths = [n for n in LENGTHS if n]
    parts = zip(scores["dependents"].split(lengths), heads.split(lengths), roots, strict=True)
    for dependents, own, root in parts:
        for part in (dependents, torch.cat([root[None], own])):
            dropped = part == 0
            assert torch.equal(dropped.all(0), dropped.any(0))
            assert 0.2 < dropped[0].float().mean() < 0.8


def test_dropout_keeps_the_scale() -> None:
    decoder, rows = Biaffine(2000, arcs=1, relations=1, classes=2, dropout=0.4), rows_of([3, 2])
    dropped = decoder.train()._drop(torch.ones(5, 2000), rows.group, 2)
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.6])
    assert abs(dropped.mean().item() - 1) < 0.05
    assert torch.equal(dropped[0], dropped[2])
    assert not torch.equal(dropped[0], dropped[3])


def test_cooled_arcs_and_relations(decoder: ArcDecoder) -> None:
    rows = rows_of(LENGTHS)
    scores = decoder(torch.randn(len(rows), WIDTH), rows)
    cooled, heads = decoder.cooled(scores, 2.5), scores["arcs"].argmax(1)
    assert torch.equal(cooled["arcs"] == LOWEST, ~possible(rows))
    arcs = (scores["arcs"] / 2.5).softmax(-1)
    torch.testing.assert_close(cooled["arcs"].softmax(-1), arcs)
    torch.testing.assert_close(decoder.relations(cooled, rows, heads), decoder.relations(scores, rows, heads) / 2.5)
    found = decoder.expected_relations(cooled, rows)
    expected = torch.zeros_like(found)
    for head in range(arcs.shape[1]):
        there = possible(rows)[:, head]
        logits = decoder.relations(scores, rows, torch.where(there, head, 0)) / 2.5
        expected += torch.where(there[:, None], arcs[:, head : head + 1] * logits.softmax(-1), 0.0)
    torch.testing.assert_close(found, expected)
