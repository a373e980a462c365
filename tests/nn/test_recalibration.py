from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cascade.nn.recalibration import Curve, Recalibration

CURVE = Curve.through([0.2, 0.5, 0.9], [0.0, 0.3, 0.4])
WAYS = [Recalibration(temperature=0.3), Recalibration(temperature=2.5), Recalibration(curve=CURVE)]


def test_a_curve_is_straight_between_its_points_and_nearly_level_outside() -> None:
    chances = torch.linspace(0, 1, 41, dtype=torch.float64).reshape(-1, 1)
    expected = np.interp(chances, CURVE.given, CURVE.becomes)
    np.testing.assert_allclose(CURVE(chances), expected, atol=1e-12)
    for chance, height in ((0.0, 0.0), (0.1, 0.0), (0.35, 0.15), (0.7, 0.35), (1.0, 0.4)):
        assert CURVE(torch.tensor(chance)).item() == pytest.approx(height, abs=2e-4)
    assert (CURVE(chances).diff(dim=0) > 0).all()


@pytest.mark.parametrize("by", WAYS)
@given(logits=st.lists(st.lists(st.floats(-30, 30, width=32), min_size=4, max_size=4), min_size=1, max_size=5))
def test_the_most_probable_label_stays(by: Recalibration, logits: list[list[float]]) -> None:
    rows = torch.tensor(logits)
    chances = by.exclusive(rows).softmax(-1)
    assert torch.equal(chances.gather(1, rows.argmax(-1, keepdim=True)).squeeze(1), chances.amax(-1))
    torch.testing.assert_close(chances.sum(-1), torch.ones(len(rows)))


def test_labels_that_exclude_each_other_are_divided_or_renormalized() -> None:
    logits = torch.tensor([[1.0, 2.0, -1.0]])
    torch.testing.assert_close(Recalibration(temperature=2.0).exclusive(logits), logits / 2)
    risen = CURVE(logits.softmax(-1)).float()
    found = Recalibration(curve=CURVE).exclusive(logits).softmax(-1)
    torch.testing.assert_close(found, risen / risen.sum(), rtol=1e-4, atol=0)


def test_labels_that_do_not_are_left_as_they_come() -> None:
    logits = torch.tensor([[1.0, 2.0, -1.0]])
    torch.testing.assert_close(Recalibration(curve=CURVE).separate(logits).sigmoid(), CURVE(logits.sigmoid()).float())
    torch.testing.assert_close(Recalibration(temperature=0.5).separate(logits), 2 * logits)


@pytest.mark.parametrize("by", WAYS)
@given(chance=st.floats(0.02, 0.98))
def test_a_single_probability_goes_there_and_back(by: Recalibration, chance: float) -> None:
    logits = torch.tensor([[chance]]).double().logit()
    assert by.chance(chance) == pytest.approx(by.separate(logits).double().sigmoid().item(), rel=1e-4, abs=1e-6)
    assert by.undone(by.chance(chance)) == pytest.approx(chance, abs=1e-3)


def test_certainty_stays_certain() -> None:
    assert [by.chance(end) for by in WAYS for end in (0.0, 1.0)] == [0.0, 1.0] * 3


@pytest.mark.parametrize("by", [*WAYS, Recalibration(edges=False)])
def test_json_holds_all_of_it(by: Recalibration) -> None:
    assert Recalibration.from_json(json.loads(json.dumps(by.to_json()))) == by


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({}, KeyError),
        ({"temperature": 0.0, "curve": None, "edges": True}, ValueError),
        ({"temperature": "hot", "curve": None, "edges": True}, ValueError),
        ({"temperature": 1.0, "curve": [[0.0]], "edges": True}, TypeError),
    ],
)
def test_what_is_no_recalibration(values: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        Recalibration.from_json(values)
