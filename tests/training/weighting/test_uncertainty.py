from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cascade.model import CascadeModel
from cascade.training.history import History
from cascade.training.weighting import Uncertainty


@pytest.fixture
def weighting(trio: CascadeModel) -> Uncertainty:
    made = Uncertainty(regression=["top"])
    made.begin(trio)
    return made


def test_the_equations_worked_by_hand(weighting: Uncertainty) -> None:
    """1/(2 sigma^2) L + log sigma for regression, 1/sigma^2 L + log sigma for classification; s = log sigma^2."""
    sigma, loss = {"low": 0.5, "top": 2.0, "beside": 1.0}, {"low": 0.7, "top": 3.0, "beside": 0.2}
    weighting.load_state_dict({task: torch.tensor(np.log(value**2)) for task, value in sigma.items()})
    losses = {task: torch.tensor(value, requires_grad=True) for task, value in loss.items()}
    found = weighting.weigh(losses, History())
    expected = {
        "low": 0.7 / 0.5**2 + np.log(0.5),
        "top": 3.0 / (2 * 2.0**2) + np.log(2.0),
        "beside": 0.2,
    }
    assert {task: float(own.detach()) for task, own in found.items()} == pytest.approx(expected, rel=1e-6)

    torch.stack(list(found.values())).sum().backward()
    by_loss = {"low": 1 / 0.5**2, "top": 1 / (2 * 2.0**2), "beside": 1.0}
    assert {task: float(own.grad) for task, own in losses.items()} == pytest.approx(by_loss, rel=1e-6)
    # d/ds (c exp(-s) L + s/2) = -c exp(-s) L + 1/2
    by_s = {task: -by_loss[task] * loss[task] + 0.5 for task in loss}
    assert [float(s.grad) for s in weighting.parameters()] == pytest.approx(list(by_s.values()), rel=1e-5)


@given(s=st.floats(-5, 5), exponent=st.floats(-3, 3))
def test_the_gaussian_of_equation_7(s: float, exponent: float) -> None:
    """-log N(y; f, sigma^2) less its constant, by torch's own density, for L = (y - f)^2."""
    loss = 10**exponent
    density = torch.distributions.Normal(0.0, np.exp(s / 2)).log_prob(torch.tensor(loss).sqrt()).item()
    weighting = Uncertainty(regression=["top"])
    weighting._log_variances = {"top": torch.tensor(s)}
    found = float(weighting.weigh({"top": torch.tensor(loss)}, History())["top"])
    assert found == pytest.approx(-density - 0.5 * np.log(2 * np.pi), rel=1e-4, abs=1e-4)


def test_where_it_ends_for_losses_that_stay(weighting: Uncertainty) -> None:
    losses = {"low": torch.tensor(3.0), "top": torch.tensor(3.0), "beside": torch.tensor(0.1)}
    sgd = torch.optim.SGD(weighting.parameters(), lr=0.5)
    for _ in range(200):
        sgd.zero_grad()
        torch.stack(list(weighting.weigh(losses, History()).values())).sum().backward()
        sgd.step()
    found = [float(s.detach()) for s in weighting.parameters()]
    assert found == pytest.approx([np.log(2 * 3.0), np.log(3.0), np.log(2 * 0.1)], abs=1e-4)


def test_a_batch_moves_its_own_tasks_alone(weighting: Uncertainty) -> None:
    weighting.weigh({"low": torch.tensor(1.0)}, History())["low"].backward()
    assert [s.grad is None for s in weighting.parameters()] == [False, True, True]
