from __future__ import annotations

from itertools import groupby, pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cascade.nn.rows import SHORT, STRETCH, Rows

sizes = st.lists(st.integers(0, 12), max_size=8)


def rows_of(lengths: list[int]) -> Rows:
    """Rows of which parent i has lengths[i]."""
    parent = torch.tensor([i for i, n in enumerate(lengths) for _ in range(n)], dtype=torch.long)
    return Rows(parent=parent, alive=torch.ones(len(parent), dtype=torch.bool), size=len(lengths))


def numbered(rows: Rows, width: int = 2) -> Tensor:
    return torch.arange(1.0, len(rows) * width + 1).view(-1, width)


@given(sizes)
def test_groups_are_the_parents_that_have_rows(lengths: list[int]) -> None:
    rows = rows_of(lengths)
    filled = [n for n in lengths if n]
    assert len(rows) == sum(lengths)
    assert rows.lengths.tolist() == filled
    assert rows.longest == max(filled, default=0)
    assert rows.group.tolist() == [i for i, n in enumerate(filled) for _ in range(n)]
    assert rows.position.tolist() == [place for n in filled for place in range(n)]
    assert rows.mask.tolist() == [[place < n for place in range(max(filled))] for n in filled]


@given(sizes, st.floats(-5, 5, width=32))
def test_padding_lays_rows_out_by_group(lengths: list[int], fill: float) -> None:
    rows = rows_of(lengths)
    values = numbered(rows)
    padded = rows.pad(values, fill)
    chunks = [chunk for chunk in values.split(lengths) if len(chunk)] if lengths else []
    if chunks:
        assert torch.equal(padded, torch.nn.utils.rnn.pad_sequence(chunks, batch_first=True, padding_value=fill))
    assert torch.equal(rows.flatten(padded), values)
    assert torch.equal(padded[~rows.mask], torch.full_like(padded[~rows.mask], fill))


@given(st.lists(st.integers(0, 12 * SHORT), max_size=10))
def test_grids_have_every_group_once_and_little_padding(lengths: list[int]) -> None:
    rows = rows_of(lengths)
    assert sorted(group for grid in rows.grids for group in grid.groups.tolist()) == list(range(len(rows.lengths)))
    for grid in rows.grids:
        own = rows.lengths[grid.groups].tolist()
        assert grid.cells.shape == (len(own), max(own))
        assert max(own) <= max(STRETCH * min(own), STRETCH * SHORT)
        for cells, group, length in zip(grid.cells.tolist(), grid.groups.tolist(), own, strict=True):
            places = (rows.group == group).nonzero().flatten().tolist()
            assert cells == places + places[-1:] * (max(own) - length)
    if len(rows):
        cells = torch.cat([grid.cells.flatten() for grid in rows.grids])
        assert cells[rows.gridded].tolist() == list(range(len(rows)))


@given(st.lists(st.integers(0, 6), max_size=6))
def test_a_mirror_turns_every_group_around(lengths: list[int]) -> None:
    rows = rows_of(lengths)
    groups = torch.arange(len(rows)).split(lengths)
    assert rows.mirror.tolist() == [place for group in groups for place in group.tolist()[::-1]]
    assert rows.first.tolist() == [group[0] for group in groups if len(group)]
    assert rows.last.tolist() == [group[-1] for group in groups if len(group)]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=6))
def test_steps_take_one_row_of_every_group_that_goes_on(lengths: list[int]) -> None:
    rows = rows_of([*lengths, 1])
    parts = rows.steps.split(rows.group)
    assert [len(part) for part in parts] == [sum(n > t for n in [*lengths, 1]) for t in range(rows.longest)]
    for before, after in pairwise(parts):
        assert torch.equal(before[: len(after)], after)
    assert all(torch.equal(part, torch.full_like(part, t)) for t, part in enumerate(rows.steps.split(rows.position)))
    values = torch.randn(len(rows), 2)
    assert torch.equal(rows.steps.join(rows.steps.split(values)), values)


@given(st.lists(st.integers(0, 6), max_size=6), st.data())
def test_regrouping_cuts_before_every_start(lengths: list[int], data: st.DataObject) -> None:
    rows = rows_of(lengths)
    starts = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    cut = rows.regroup(torch.tensor(starts, dtype=torch.bool))
    sentences: list[list[int]] = []
    for place, (parent, start) in enumerate(zip(rows.parent.tolist(), starts, strict=True)):
        if start or place == 0 or parent != rows.parent[place - 1]:
            sentences.append([])
        sentences[-1].append(place)
    assert [len(list(same)) for _, same in groupby(cut.parent.tolist())] == [len(s) for s in sentences]
    assert cut.size == len(sentences) == len(cut.lengths)
    assert all(after - before in (0, 1) for before, after in pairwise(cut.parent.tolist()))


def test_regrouping_keeps_what_is_alive() -> None:
    rows = Rows(parent=torch.tensor([0, 0, 1]), alive=torch.tensor([True, True, False]), size=3)
    assert rows.regroup(torch.tensor([False, True, False])).alive.tolist() == [True, True, False]


def test_gradient_flows_through_padding() -> None:
    rows = rows_of([2, 0, 3])
    values = numbered(rows).requires_grad_()
    (rows.pad(values) * torch.arange(12.0).view(2, 3, 2)).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [[0, 1], [2, 3], [6, 7], [8, 9], [10, 11]]
