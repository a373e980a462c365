from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cascade.nn.ascent import Ascent
from cascade.nn.encoders.base import Encoder, Features, State, narrowed
from cascade.nn.rows import Rows

DEPTH = 4


class Ladder(Encoder):
    """Layer i of token t holds (t, i); notes which texts have reached which layer."""

    widths = (2,) * (DEPTH + 1)

    def __init__(self) -> None:
        super().__init__()
        self.climbed: Counter[tuple[int, int]] = Counter()
        self.steps = 0

    def features(self, texts: Sequence[Sequence[str]]) -> Features:
        return {}

    def embed(self, features: Features, rows: Rows) -> State:
        states = torch.stack([torch.arange(float(len(rows))), torch.zeros(len(rows))], dim=1)
        return State(rows=rows, index=None, total=len(rows)).reached(states, carry=states)

    def step(self, state: State) -> State:
        self.steps += 1
        self.climbed.update((text, len(state.layers)) for text in set(state.rows.parent.tolist()))
        states = state.carry + torch.tensor([0.0, 1.0])
        return state.reached(states, carry=states)

    def narrow(self, state: State, keep: Tensor) -> State:
        return narrowed(state, keep, state.carry[keep])


@dataclass
class Climb:
    layer: int
    texts: set[int] = field(default_factory=set)

    def alive(self, rows: Rows) -> Tensor:
        return torch.tensor([int(parent) in self.texts for parent in rows.parent], dtype=torch.bool)


def ascent_of(lengths: list[int], common: int) -> tuple[Ascent, Ladder, Rows]:
    parent = torch.tensor([i for i, n in enumerate(lengths) for _ in range(n)], dtype=torch.long)
    rows = Rows(parent=parent, alive=torch.ones(len(parent), dtype=torch.bool), size=len(lengths))
    ladder = Ladder()
    return Ascent(ladder, {}, rows, common), ladder, rows


climbs = st.lists(st.builds(Climb, st.integers(0, DEPTH), st.sets(st.integers(0, 4))), max_size=6)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=5), st.integers(0, DEPTH), climbs)
def test_every_text_climbs_once_and_only_as_far_as_it_has_to(
    lengths: list[int], common: int, climbs: list[Climb]
) -> None:
    ascent, ladder, rows = ascent_of(lengths, common)
    asked: set[tuple[int, int]] = set()
    for climb in climbs:
        ascent.climb(climb.layer, climb.alive(rows))
        for text in (text for text, length in enumerate(lengths) if length):
            top = climb.layer if text in climb.texts else min(climb.layer, common)
            asked |= {(text, layer) for layer in range(1, top + 1)}
        for layer in range(climb.layer + 1):
            states = ascent.read(layer)
            needed = climb.alive(rows) | (layer <= common)
            assert states.shape == (len(rows), 2)
            assert states[needed, 0].tolist() == torch.arange(len(rows))[needed].tolist()
            assert (states[needed, 1] == layer).all()
    assert ladder.climbed == Counter(asked)


@given(st.lists(st.integers(1, 3), min_size=2, max_size=5), climbs)
def test_what_was_not_needed_reads_as_zero(lengths: list[int], climbs: list[Climb]) -> None:
    ascent, ladder, rows = ascent_of(lengths, 0)
    for climb in climbs:
        ascent.climb(climb.layer, climb.alive(rows))
    for layer in range(1, DEPTH + 1):
        reached = {text for text, top in ladder.climbed if top == layer}
        left_out = torch.tensor([int(text) not in reached for text in rows.parent])
        assert not ascent.read(layer)[left_out].any()


def test_without_pruning_a_batch_climbs_in_one_piece() -> None:
    ascent, ladder, rows = ascent_of([2, 3, 1], DEPTH)
    for layer in (1, 3, 2, DEPTH):
        ascent.climb(layer, rows.alive)
    assert ladder.steps == DEPTH
    assert len(ascent.parts) == 1


def test_texts_go_on_as_a_whole() -> None:
    ascent, ladder, _ = ascent_of([2, 2, 2], 1)
    ascent.climb(2, torch.tensor([False, False, False, True, False, False]))
    assert ladder.climbed == Counter({(0, 1): 1, (1, 1): 1, (2, 1): 1, (1, 2): 1})
    assert ascent.read(2).tolist() == [[0, 0], [0, 0], [2, 2], [3, 2], [0, 0], [0, 0]]


def test_nobody_left_climbs_nowhere() -> None:
    ascent, ladder, rows = ascent_of([2, 1], 0)
    ascent.climb(2, torch.zeros(len(rows), dtype=torch.bool))
    assert ladder.steps == 0
    assert torch.equal(ascent.read(2), torch.zeros(3, 2))
