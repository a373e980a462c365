from __future__ import annotations

import torch

from cascade.training.gradients import Sum


def test_it_adds_up() -> None:
    assert Sum().combine(torch.tensor([[1.0, 2.0], [3.0, -5.0]])).tolist() == [4.0, -3.0]


def test_it_is_the_gradient_of_the_summed_losses() -> None:
    x = torch.randn(5, requires_grad=True)
    losses = [x.square().sum(), x.sin().sum(), (x * 3).sum()]
    apart = torch.stack([torch.autograd.grad(loss, x)[0] for loss in losses])
    losses = [x.square().sum(), x.sin().sum(), (x * 3).sum()]
    torch.testing.assert_close(Sum().combine(apart), torch.autograd.grad(torch.stack(losses).sum(), x)[0])
