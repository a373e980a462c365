from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.answering.budget import PIECES, Budget, Costs
from cascade.errors import ConfigError
from tests.answering.tiny import reader

SIZES = st.lists(st.integers(1, 400), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Costs:
    return Costs(reader(tmp_path_factory.mktemp("model")), low=1, high=2)


@pytest.mark.parametrize("limits", [{}, {"milliseconds": 1.0, "flops": 1.0}, {"flops": 0.0}, {"milliseconds": -1.0}])
def test_a_budget_is_one_positive_number(limits: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="milliseconds= or flops="):
        Budget(**limits)


def test_operations_of_a_window_are_those_of_its_weights_and_of_attention(costs: Costs) -> None:
    """Two operations a weight and piece, two products of pieces with pieces: 2 * 2 * width * pieces^2."""
    pieces = PIECES * 100
    by_hand = 2 * costs.weights * pieces + 4 * costs.width * pieces**2
    assert costs.flops(100, 1) == pytest.approx(by_hand)
    assert costs.flops(100, 3) == pytest.approx(3 * by_hand)


def test_what_is_kept_goes_through_the_upper_blocks_alone(costs: Costs) -> None:
    assert costs.of([50, 50, 50], 1) == pytest.approx(costs.flops(50, 1) * 3 + costs.flops(50, 1))
    assert costs.of([50, 80], 1) == pytest.approx(costs.flops(50, 1) + costs.flops(80, 2))


def test_without_a_budget_everything_is_looked_at(costs: Costs) -> None:
    plan = costs.plan([10, 20, 30], 2, None)
    assert (plan.looked_at, plan.read) == (3, 2)
    assert plan.flops == pytest.approx(costs.of([10, 20, 30], 2))
    assert costs.plan([], 2, Budget(flops=1.0)).looked_at == 0


@given(SIZES, st.integers(1, 10), st.floats(1.0, 1e12))
def test_a_plan_stays_within_its_budget_or_reads_one_passage(sizes: list[int], read: int, limit: float) -> None:
    plan = COSTS.plan(sizes, read, Budget(flops=limit))
    assert 1 <= plan.read <= min(read, plan.looked_at) and plan.looked_at <= len(sizes)
    assert plan.flops == pytest.approx(COSTS.of(sizes[: plan.looked_at], plan.read))
    assert plan.flops <= limit or (plan.looked_at, plan.read) == (1, 1)


@given(SIZES, st.integers(1, 40), st.floats(1.0, 1e12))
def test_where_nothing_prunes_what_is_looked_at_is_read(sizes: list[int], read: int, limit: float) -> None:
    costs = _costs(low=0)
    plan = costs.plan(sizes, read, Budget(flops=limit))
    assert plan.looked_at == plan.read
    assert plan.flops == pytest.approx(costs.of(sizes[: plan.read], plan.read))
    assert plan.flops <= limit or plan.read == 1


@given(SIZES, st.integers(1, 10), st.floats(1.0, 1e10), st.floats(1.0, 100.0))
def test_more_budget_never_reads_less(sizes: list[int], read: int, limit: float, more: float) -> None:
    less, greater = (COSTS.plan(sizes, read, Budget(flops=b)) for b in (limit, limit * more))
    assert (greater.looked_at > less.looked_at) or (greater.read >= less.read)
    assert greater.flops >= less.flops * (1 - 1e-9)


def test_time_is_judged_by_what_has_been_measured(costs: Costs) -> None:
    costs.rate = 1e9
    in_time = costs.plan([100] * 30, 8, Budget(milliseconds=2.0))
    assert in_time == costs.plan([100] * 30, 8, Budget(flops=2e6))
    for _ in range(50):
        costs.learn(1e6, 0.01)
    assert costs.rate == pytest.approx(1e8, rel=1e-3)
    costs.learn(0.0, 1.0)
    assert costs.rate == pytest.approx(1e8, rel=1e-3)


def _costs(low: int = 2) -> Costs:
    found = Costs.__new__(Costs)
    found.low, found.high, found.width, found.weights, found.rate = low, 6, 8, 1000.0, 1e9
    return found


COSTS = _costs()
