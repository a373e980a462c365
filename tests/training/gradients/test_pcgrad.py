from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cascade.training.gradients import PCGrad


def by_the_paper(gradients: Tensor) -> Tensor:
    """Algorithm 1 of Yu et al. 2020, on vectors."""
    total = torch.zeros(gradients.shape[1])
    for i, gradient in enumerate(gradients):
        projected = gradient.clone()
        for j in torch.randperm(len(gradients)).tolist():
            if j != i and projected @ gradients[j] < 0:
                projected -= (projected @ gradients[j]) / gradients[j].square().sum() * gradients[j]
        total += projected
    return total


def test_two_gradients_by_hand() -> None:
    """(1, 0) + 1/2 (-1, 1) = (1/2, 1/2), and (-1, 1) + 1 (1, 0) = (0, 1)."""
    assert PCGrad().combine(torch.tensor([[1.0, 0.0], [-1.0, 1.0]])).tolist() == [0.5, 1.5]


def test_without_conflict_it_is_the_sum() -> None:
    gradients = torch.tensor([[1.0, 0.0, 2.0], [0.5, 1.0, 0.0], [0.0, 3.0, 1.0]])
    torch.testing.assert_close(PCGrad().combine(gradients), gradients.sum(0))


def test_projected_is_against_the_gradients_as_they_were() -> None:
    """Of two gradients that conflict, both projections are orthogonal to the other's original."""
    a, b = gradients = torch.tensor([[2.0, 1.0], [-1.0, 1.0]])
    projections = [a - (a @ b) / (b @ b) * b, b - (a @ b) / (a @ a) * a]
    torch.testing.assert_close(PCGrad().combine(gradients), projections[0] + projections[1])


@pytest.mark.parametrize("seed", range(10))
def test_it_follows_the_algorithm(seed: int) -> None:
    gradients = torch.randn(5, 7, generator=torch.Generator().manual_seed(seed))
    torch.manual_seed(seed)
    expected = by_the_paper(gradients)
    torch.manual_seed(seed)
    torch.testing.assert_close(PCGrad().combine(gradients), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_torchjd_agrees(seed: int) -> None:
    aggregation = pytest.importorskip("torchjd.aggregation")
    gradients = torch.randn(4, 6, generator=torch.Generator().manual_seed(seed))
    torch.manual_seed(seed)
    expected = aggregation.PCGrad()(gradients)
    torch.manual_seed(seed)
    torch.testing.assert_close(PCGrad().combine(gradients), expected, rtol=1e-4, atol=1e-5)


def test_the_order_comes_from_torchs_generator() -> None:
    gradients = torch.randn(6, 6, generator=torch.Generator().manual_seed(1))
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(PCGrad().combine(gradients))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
