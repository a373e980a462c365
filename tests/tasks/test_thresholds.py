from __future__ import annotations

import pytest

from cascade.nn.recalibration import Curve, Recalibration
from cascade.tasks import Sentences, Tagging, TextClassification
from cascade.tasks.thresholds import decided, moved

HALF = Recalibration(temperature=2.0)
BENT = Recalibration(curve=Curve.through([0.1, 0.6], [0.3, 0.5]))


def test_thresholds_move_with_their_probabilities() -> None:
    assert moved(0.5, None, HALF) == pytest.approx(0.5)
    assert moved(0.2, None, HALF) == pytest.approx(1 / 3)  # odds 1 : 4 become 1 : 2
    assert moved(1 / 3, HALF, Recalibration()) == pytest.approx(0.2)
    assert moved((0.2, 0.5), None, HALF) == pytest.approx((1 / 3, 0.5))
    assert moved(moved(0.25, None, BENT), BENT, Recalibration()) == pytest.approx(0.25)
    assert moved(moved(0.25, None, BENT), BENT, HALF) == pytest.approx(HALF.chance(0.25))


def test_who_decides_by_a_threshold() -> None:
    assert decided(Sentences("s")) and decided(TextClassification("t", exclusive=False))
    assert not decided(TextClassification("t")) and not decided(Tagging("t"))
