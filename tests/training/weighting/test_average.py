from __future__ import annotations

import numpy as np
import pytest
import torch

from cascade.model import CascadeModel
from cascade.training.history import History
from cascade.training.weighting import DynamicAverage

EPOCHS = [
    {"low": 9.0, "top": 9.0, "beside": 9.0},
    {"low": 4.0, "top": 2.0, "beside": 1.0},
    {"low": 1.0, "top": 2.0, "beside": 1.5},
]


def weights(weighting: DynamicAverage, losses: list[dict[str, float]]) -> list[float]:
    ones = {task: torch.tensor(1.0, dtype=torch.double) for task in ("low", "top", "beside")}
    return [float(w) for w in weighting.weigh(ones, History(epoch=len(losses), losses=losses)).values()]


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum()


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_equation_7_worked_by_hand(trio: CascadeModel, temperature: float) -> None:
    weighting = DynamicAverage(temperature=temperature)
    weighting.begin(trio)
    expected = 3 * softmax(np.array([1 / 4, 2 / 2, 1.5 / 1]) / temperature)
    assert weights(weighting, EPOCHS) == pytest.approx(list(expected), rel=1e-12)
    assert sum(weights(weighting, EPOCHS)) == pytest.approx(3)


@pytest.mark.parametrize("epochs", [0, 1])
def test_ones_for_two_epochs(trio: CascadeModel, epochs: int) -> None:
    weighting = DynamicAverage()
    weighting.begin(trio)
    assert weights(weighting, EPOCHS[:epochs]) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("before", [{"low": 4.0, "top": 2.0}, {"low": 4.0, "top": 2.0, "beside": 0.0}])
def test_a_task_that_joins_later(trio: CascadeModel, before: dict[str, float]) -> None:
    weighting = DynamicAverage(temperature=1.0)
    weighting.begin(trio)
    expected = 3 * softmax(np.array([1 / 4, 2 / 2, 1.0]))
    assert weights(weighting, [before, EPOCHS[2]]) == pytest.approx(list(expected))


def test_the_weights_are_those_of_all_tasks_whatever_the_batch_carries(trio: CascadeModel) -> None:
    weighting = DynamicAverage()
    weighting.begin(trio)
    found = weighting.weigh({"top": torch.tensor(2.0)}, History(losses=EPOCHS))
    assert float(found["top"]) == pytest.approx(2.0 * weights(weighting, EPOCHS)[1])
