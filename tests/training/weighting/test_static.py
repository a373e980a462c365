from __future__ import annotations

import torch

from cascade.model import CascadeModel
from cascade.training.history import History
from cascade.training.weighting import Static


def test_weights_by_hand(trio: CascadeModel) -> None:
    weighting = Static(weights={"low": 0.25, "beside": 0.0})
    weighting.begin(trio)
    losses = {"low": torch.tensor(2.0), "top": torch.tensor(3.0), "beside": torch.tensor(5.0)}
    found = {task: float(loss) for task, loss in weighting.weigh(losses, History()).items()}
    assert found == {"low": 0.5, "top": 3.0, "beside": 0.0}


def test_without_weights_it_is_the_plain_sum(trio: CascadeModel) -> None:
    weighting = Static()
    weighting.begin(trio)
    losses = {"top": torch.tensor(3.7), "low": torch.tensor(0.1)}
    assert weighting.weigh(losses, History()) == losses
