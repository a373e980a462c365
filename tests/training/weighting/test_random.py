from __future__ import annotations

import numpy as np
import pytest
import torch

from cascade.model import CascadeModel
from cascade.training.history import History
from cascade.training.weighting import RandomWeights

LOSSES = {"low": torch.tensor(2.0), "top": torch.tensor(3.0), "beside": torch.tensor(5.0)}


@pytest.fixture
def weighting(trio: CascadeModel) -> RandomWeights:
    made = RandomWeights()
    made.begin(trio)
    return made


def test_softmax_of_normal_draws(weighting: RandomWeights) -> None:
    torch.manual_seed(1)
    found = [float(loss) for loss in weighting.weigh(LOSSES, History()).values()]
    torch.manual_seed(1)
    z = np.exp(torch.randn(3).numpy())
    assert found == pytest.approx(list(3 * z / z.sum() * [2.0, 3.0, 5.0]), rel=1e-6)


def test_a_batch_of_one_task_draws_for_all(weighting: RandomWeights) -> None:
    torch.manual_seed(2)
    everything, after = weighting.weigh(LOSSES, History()), torch.get_rng_state()
    torch.manual_seed(2)
    assert weighting.weigh({"top": LOSSES["top"]}, History())["top"] == everything["top"]
    assert torch.equal(torch.get_rng_state(), after)


def test_weights_are_1_on_average(weighting: RandomWeights) -> None:
    torch.manual_seed(3)
    drawn = np.array([[float(w) for w in weighting.weigh(LOSSES, History()).values()] for _ in range(2000)])
    assert (drawn / [2.0, 3.0, 5.0]).mean(0) == pytest.approx([1.0, 1.0, 1.0], abs=0.06)
    assert (drawn / [2.0, 3.0, 5.0]).sum(1) == pytest.approx(np.full(2000, 3.0))
