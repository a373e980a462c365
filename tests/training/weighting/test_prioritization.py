from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cascade.model import CascadeModel
from cascade.training.history import History
from cascade.training.weighting import Prioritization


def weights(weighting: Prioritization, *scores: dict[str, float]) -> dict[str, float]:
    losses = {task: torch.tensor(1.0, dtype=torch.double) for task in ("low", "top", "beside")}
    return {task: float(w) for task, w in weighting.weigh(losses, History(scores=scores)).items()}


def test_everything_counts_the_same_before_the_first_evaluation(trio: CascadeModel) -> None:
    weighting = Prioritization()
    weighting.begin(trio)
    assert weights(weighting) == {"low": 1.0, "top": 1.0, "beside": 1.0}


def test_the_moving_average_by_hand() -> None:
    weighting = Prioritization(alpha=0.5, gamma=2.0, alphas={"top": 0.25}, gammas={"top": 0.0})
    found = weights(weighting, {"low": 0.2, "top": 0.4}, {"low": 0.6, "top": 0.8}, {"low": 0.8})
    low = 0.5 * 0.8 + 0.5 * (0.5 * 0.6 + 0.5 * 0.2)
    top = 0.25 * 0.8 + 0.75 * 0.4
    expected = {"low": -((1 - low) ** 2) * np.log(low), "top": -np.log(top), "beside": 1.0}
    assert found == pytest.approx(expected, rel=1e-12)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 5))
def test_lower_scores_never_count_less(one: float, other: float, gamma: float) -> None:
    found = weights(Prioritization(gamma=gamma), {"low": min(one, other), "top": max(one, other)})
    assert found["low"] >= found["top"] >= 0
    assert found["low"] <= -np.log(1e-3)


def test_the_loss_is_what_is_weighed() -> None:
    loss = torch.tensor(3.0, requires_grad=True)
    Prioritization().weigh({"low": loss}, History(scores=[{"low": 0.5}]))["low"].backward()
    assert float(loss.grad) == pytest.approx(-0.5 * np.log(0.5))
