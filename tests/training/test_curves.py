from __future__ import annotations

import pytest

from cascade.training.curves import Constant, Curve, Inverse, WarmupCosine, WarmupLinear


@pytest.mark.parametrize(
    ("curve", "epoch", "progress", "expected"),
    [
        (Constant(), 3, 0.7, 1.0),
        (Inverse(0.3), 0, 0.0, 1.0),
        (Inverse(0.3), 1, 0.5, 1 / 1.3),
        (Inverse(0.3), 4, 0.9, 1 / 2.2),
        (WarmupLinear(0.2), 0, 0.0, 0.0),
        (WarmupLinear(0.2), 0, 0.05, 0.25),
        (WarmupLinear(0.2), 0, 0.2, 1.0),
        (WarmupLinear(0.2), 0, 0.6, 0.5),
        (WarmupLinear(0.2), 0, 1.0, 0.0),
        (WarmupLinear(0.0), 0, 0.25, 0.75),
        (WarmupLinear(1.0), 0, 0.25, 0.25),
        (WarmupCosine(0.0), 0, 0.5, 0.5),
        (WarmupCosine(1.0), 0, 0.25, 0.25),
        (WarmupCosine(0.2), 0, 0.1, 0.5),
        (WarmupCosine(0.2), 0, 0.2, 1.0),
        (WarmupCosine(0.2), 0, 0.4, (1 + 2**-0.5) / 2),  # a quarter of the way down: cos 45 degrees
        (WarmupCosine(0.2), 0, 0.6, 0.5),
        (WarmupCosine(0.2), 0, 1.0, 0.0),
    ],
)
def test_factors_worked_by_hand(curve: Curve, epoch: int, progress: float, expected: float) -> None:
    assert curve.factor(epoch, progress) == pytest.approx(expected, abs=1e-12)
