from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any, get_args

import pytest

from cascade.errors import GraphError
from cascade.graph import (
    POOLS,
    Candidates,
    Edge,
    Hidden,
    Labels,
    Mix,
    Recurrent,
    Scheduled,
    Segments,
    Unit,
    arrival_unit,
)
from cascade.graph.units import misfit

Make = Callable[..., Any]

UNITS: tuple[Unit, ...] = get_args(Unit)
# (carried unit, unit that the task reads, its output unit): conversions that lead there, and where they arrive.
TABLE: dict[tuple[str, str, str], dict[str | None, str]] = {
    ("token", "token", "token"): {None: "token"},
    ("token", "token", "text"): {None: "token"} | dict.fromkeys(POOLS, "text"),
    ("token", "token", "pair"): {None: "token"} | dict.fromkeys(POOLS, "pair"),
    ("token", "token", "span"): {None: "token"} | dict.fromkeys(POOLS, "span"),
    ("text", "token", "token"): {"broadcast": "token"},
    ("text", "token", "text"): {None: "text", "broadcast": "token"},
    ("text", "token", "pair"): {"broadcast": "token"},
    ("pair", "token", "pair"): {None: "pair"},
    ("pair", "token", "text"): {},
    ("pair", "token", "token"): {},
    ("text", "token", "span"): {"broadcast": "token"},
    ("text", "span", "span"): {"broadcast": "span"},
    ("span", "token", "span"): {None: "span"},
    ("span", "token", "token"): {},
    ("span", "token", "text"): {},
}


@pytest.mark.parametrize(("carried", "reads", "unit"), TABLE)
@pytest.mark.parametrize("convert", [None, *POOLS, "broadcast"])
def test_a_conversion_fits_where_the_table_says_so(
    carried: Unit, reads: Unit, unit: Unit, convert: str | None, toy: Make
) -> None:
    up, down, edge = toy("up", carried), toy("down", unit, reads), Labels(convert=convert)
    fits = TABLE[carried, reads, unit]
    problem = misfit(edge, up, down)
    if convert in fits:
        assert problem is None
        assert arrival_unit(edge, up, down) == fits[convert]
    else:
        assert problem is not None
        offer = problem.split("what fits: ")[1]
        assert offer == (" or ".join(f"convert={how!r}" for how in fits) or "nothing, such an edge cannot be made")


def test_nothing_arrives_at_rows_that_a_task_has_yet_to_make(toy: Make) -> None:
    for up, edge in (("text", Labels(convert="broadcast")), ("token", Labels()), ("token", Labels(convert="max"))):
        problem = misfit(edge, toy("up", up), toy("down", "span", proposes=True))
        assert (problem is None) == (edge.convert != "max")
    assert misfit(Labels(), toy("up", "span"), toy("down", "span", proposes=True)) is not None
    assert arrival_unit(Labels(convert="broadcast"), toy("up", "text"), toy("down", "span", proposes=True)) == "token"


def test_hidden_states_are_of_the_unit_of_the_recurrent_layer(toy: Make) -> None:
    up = toy("up", "text", layer=Recurrent(4))
    assert misfit(Hidden(), up, toy("down")) is None
    assert misfit(Labels(), up, toy("down")) is not None
    assert misfit(Hidden(), toy("up", "text"), toy("down")) is not None


@pytest.mark.parametrize(("up", "down"), list(product(UNITS, UNITS)))
def test_segments_divide_rows_of_one_unit(up: Unit, down: Unit, toy: Make) -> None:
    assert (misfit(Segments(), toy("up", up), toy("down", down)) is None) == (up == down)


@pytest.mark.parametrize(
    ("up", "reads", "unit", "fits"),
    [
        ("text", "token", "text", True),
        ("text", "token", "token", True),
        ("text", "token", "pair", True),
        ("token", "token", "token", True),
        ("pair", "token", "pair", True),
        ("pair", "token", "text", False),
        ("pair", "token", "token", False),
        ("text", "token", "span", True),
        ("span", "token", "span", True),
        ("span", "token", "token", False),
    ],
)
def test_candidates_are_rows_of_the_task_or_above_them(
    up: Unit, reads: Unit, unit: Unit, fits: bool, toy: Make
) -> None:
    assert (misfit(Candidates(2), toy("up", up), toy("down", unit, reads)) is None) == fits


def test_edges_without_states_convert_nothing(toy: Make) -> None:
    problem = misfit(Candidates(2, convert="max"), toy("up"), toy("down"))
    assert problem is not None
    assert "convert='max'" in problem


def test_a_task_carries_and_takes_only_its_own_kinds(toy: Make) -> None:
    problem = misfit(Segments(), toy("up", carries=(Hidden, Labels)), toy("down"))
    assert problem == "up (Toy) has nothing for it to carry; it can feed Hidden, Labels"
    problem = misfit(Labels(), toy("up"), toy("down", takes=(Segments,)))
    assert problem == "down (Toy) does not read such an edge; it takes Segments"


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Labels(source="sotf"), "soft, straight_through, hard, gold"),
        (lambda: Labels(predict="predicted"), "soft, straight_through, hard, gold"),
        (lambda: Segments(source="soft"), "gold, hard"),
        (lambda: Scheduled(then="never"), "soft, straight_through, hard, gold"),
        (lambda: Scheduled(epochs=0), "Scheduled: epochs has to be 1 or more, got epochs=0"),
        (lambda: Candidates(0), "Candidates: k has to be 1 or more, got k=0"),
        (lambda: Labels(width=0), "Labels: width has to be 1 or more, got width=0"),
        (lambda: Labels(dropout=1.0), "Labels: dropout has to be 0 or more and below 1, got dropout=1.0"),
        (lambda: Hidden(dropout=-0.1), "Hidden: dropout .* got dropout=-0.1"),
        (lambda: Hidden(dropout=math.nan), "Hidden: dropout .* got dropout=nan"),
        (lambda: Recurrent(-4), "Recurrent: width .* got width=-4"),
        (lambda: Recurrent(4, depth=0), "Recurrent: depth .* got depth=0"),
        (lambda: Recurrent(4, dropout=1.5), "Recurrent: dropout .* got dropout=1.5"),
    ],
)
def test_an_edge_with_a_wrong_setting_is_never_made(make: Callable[[], Any], named: str) -> None:
    with pytest.raises(GraphError, match=named):
        make()


def test_all_wrong_settings_are_reported_at_once() -> None:
    with pytest.raises(GraphError) as error:
        Labels(source="a", predict="b", width=0, dropout=2.0)  # type: ignore[arg-type]
    assert len(error.value.problems) == 4


def test_the_ends_of_the_ranges_belong_to_them() -> None:
    assert Labels(width=1, dropout=0).dropout == Recurrent(1, depth=1, dropout=0).dropout == 0
    assert Hidden(dropout=0.999).dropout == 0.999


@pytest.mark.parametrize(
    ("edge", "described"),
    [
        (Hidden(), "Hidden()"),
        (Labels(source="gold", width=8), "Labels(source='gold', width=8)"),
        (Labels(source=Scheduled()), "Labels(source=Scheduled(first='gold', then='soft', epochs=5))"),
        (Candidates(3), "Candidates(k=3)"),
        (Hidden(convert="max"), "Hidden(convert='max')"),
    ],
)
def test_an_edge_describes_what_is_not_default(edge: Edge, described: str) -> None:
    assert edge.describe() == described
    assert eval(described) == edge


def test_specifications_compare_by_value() -> None:
    assert Mix(layers=(1, 2)) == Mix(layers=(1, 2))
    assert Recurrent(10) != Recurrent(10, shortcut=False)
    assert len({Labels(), Labels(), Hidden()}) == 2
