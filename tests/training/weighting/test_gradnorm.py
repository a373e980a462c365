from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training import processes
from cascade.training.history import History
from cascade.training.weighting import GradNorm

TASKS = ("low", "top", "beside")


class Direct:
    """Algorithm 1 as it is written: autograd takes the derivative of |G_i - target| by w.

    An embedding bag has no second derivative in torch, so w_i stands before the gradient, not before the loss.

    Args:
        parameters: W.
    """

    def __init__(self, parameters: list[Tensor], alpha: float, rate: float) -> None:
        self.parameters, self.alpha = parameters, alpha
        self.w = torch.ones(3, requires_grad=True)
        self.adam = torch.optim.Adam([self.w], lr=rate)
        self.first: dict[str, Tensor] = {}
        self.last: dict[str, Tensor] = {}

    def norm(self, w: Tensor, loss: Tensor) -> Tensor:
        found = torch.autograd.grad(loss, self.parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
        return (w * torch.cat([g.flatten() for g in found])).norm()

    def step(self, losses: Mapping[str, Tensor]) -> None:
        self.last |= losses
        self.first = {task: loss.detach() for task, loss in losses.items()} | self.first
        norms = torch.stack([self.norm(self.w[i], self.last[task]) for i, task in enumerate(TASKS)])
        rates = torch.stack([(self.last[task] / self.first[task]).detach() for task in TASKS])
        targets = norms.mean() * (rates / rates.mean()) ** self.alpha
        self.w.grad = torch.autograd.grad((norms - targets.detach()).abs().sum(), self.w)[0]
        self.adam.step()
        with torch.no_grad():
            self.w *= 3 / self.w.sum()


def losses_of(model: CascadeModel, docs: list, tasks: tuple[str, ...] = TASKS) -> dict[str, Tensor]:
    losses = model.losses(model.batch(docs, targets=tasks), tasks)
    return {task: losses[task] for task in tasks}


def shared(model: CascadeModel, docs: list) -> list[str]:
    """Names of the parameters that get a gradient from two losses or more, one backward pass after the other."""
    reached: list[str] = []
    for task in TASKS:
        model.zero_grad(set_to_none=True)
        losses_of(model, docs, (task,))[task].backward()
        reached += [name for name, p in model.named_parameters() if p.grad is not None]
    model.zero_grad(set_to_none=True)
    return [name for name, _ in model.named_parameters() if reached.count(name) > 1]


def weights(weighting: GradNorm) -> list[float]:
    return weighting.state_dict()["weights"].tolist()


BATCHES = [TASKS, TASKS, ("low",), ("top", "beside"), ("beside",), TASKS]


@pytest.mark.parametrize("alpha", [0.0, 1.5])
def test_against_the_algorithm_as_it_is_written(trio: CascadeModel, docs, alpha: float) -> None:
    """Of a task that a batch does not carry, `Direct` keeps the whole graph of its last loss."""
    names = shared(trio, docs(5))
    assert {name.split(".")[0] for name in names} == {"encoder", "nodes"}
    assert {name.split(".")[1] for name in names if name.startswith("nodes")} == {"low"}
    assert not any("decoder" in name for name in names)
    direct = Direct([p for name, p in trio.named_parameters() if name in names], alpha, rate=0.05)
    ours = GradNorm(alpha=alpha, rate=0.05)
    ours.begin(trio)
    for seed, tasks in enumerate(BATCHES):
        losses = losses_of(trio, docs(4, seed=seed), tasks)
        weighed = ours.weigh(losses, History())
        for task, loss in weighed.items():
            torch.testing.assert_close(loss, direct.w[TASKS.index(task)] * losses[task])
        direct.step(losses)
        assert weights(ours) == pytest.approx(direct.w.tolist(), rel=1e-4), (seed, tasks)
    assert weights(ours) != pytest.approx([1.0, 1.0, 1.0], abs=0.01)


def test_where_it_ends_worked_by_hand(trio: CascadeModel, docs) -> None:
    """One loss of which a task has four times as much: equal pulls need weights of 4/3, 1/3, 4/3."""
    loss = losses_of(trio, docs(4), ("low",))["low"]
    weighting = GradNorm(rate=0.02)
    weighting.begin(trio)
    for _ in range(120):
        weighting.weigh({"low": loss, "top": 4 * loss, "beside": loss}, History())
    assert weights(weighting) == pytest.approx([4 / 3, 1 / 3, 4 / 3], abs=0.05)
    assert sum(weights(weighting)) == pytest.approx(3.0)


def test_a_task_that_lags_behind_gets_more(trio: CascadeModel, docs) -> None:
    """All pull equally hard, but `low` has reached half its first loss, and the others are where they were."""
    loss = losses_of(trio, docs(4), ("low",))["low"]
    weighting = GradNorm()
    weighting.begin(trio)
    weighting.weigh({"low": 2 * loss.detach(), "top": loss, "beside": loss}, History())
    before = weights(weighting)
    weighting.weigh({"low": loss, "top": loss, "beside": loss}, History())
    low, top, beside = (now - then for now, then in zip(weights(weighting), before, strict=True))
    assert low < 0 < top == pytest.approx(beside)


def test_nothing_moves_before_two_tasks_have_been_seen(trio: CascadeModel, docs) -> None:
    weighting = GradNorm()
    weighting.begin(trio)
    for _ in range(2):
        loss = losses_of(trio, docs(2), ("low",))["low"]
        assert weighting.weigh({"low": loss}, History())["low"] == loss
    weighting.weigh(losses_of(trio, docs(2), ("top",)), History())
    low, top, beside = weights(weighting)
    assert low != 1.0 != top
    assert beside == 1.0
    assert low + top == pytest.approx(2.0)


def test_a_task_that_shares_nothing_keeps_its_weight(trio: CascadeModel, docs) -> None:
    """With the encoder frozen, `beside` has all its parameters to itself."""
    trio.encoder.requires_grad_(False)
    weighting = GradNorm()
    weighting.begin(trio)
    for _ in range(3):
        weighting.weigh(losses_of(trio, docs(2)), History())
    assert weights(weighting)[2] == 1.0
    assert weights(weighting)[0] != 1.0


def test_no_weight_becomes_negative(trio: CascadeModel, docs) -> None:
    loss = losses_of(trio, docs(2), ("low",))["low"]
    weighting = GradNorm(rate=3.0)
    weighting.begin(trio)
    for _ in range(5):
        weighting.weigh({"low": loss, "top": 100 * loss, "beside": loss}, History())
        assert min(weights(weighting)) > 0
        assert sum(weights(weighting)) == pytest.approx(3.0)


def test_losses_of_0_do_no_harm(trio: CascadeModel, docs) -> None:
    weighting = GradNorm()
    weighting.begin(trio)
    for factor in (0.0, 1.0, 0.0):
        losses = losses_of(trio, docs(2))
        weighting.weigh({**losses, "low": factor * losses["low"]}, History())
        assert all(w > 0 for w in weights(weighting))
    weighting.weigh({task: torch.zeros(()) for task in TASKS}, History())
    assert all(w > 0 for w in weights(weighting))


def test_gradients_reach_the_model_as_ever(trio: CascadeModel, docs) -> None:
    """The weights are constants of the step, and what is measured leaves no gradient behind."""
    trio.eval()
    weighting = GradNorm(rate=0.5)
    weighting.begin(trio)
    weighting.weigh(losses_of(trio, docs(3)), History())
    now = weights(weighting)
    weighed = weighting.weigh(losses_of(trio, docs(3)), History())
    assert all(p.grad is None for p in trio.parameters())
    torch.stack(list(weighed.values())).sum().backward()
    found = [None if p.grad is None else p.grad.clone() for p in trio.parameters()]
    trio.zero_grad(set_to_none=True)
    sum(w * loss for w, loss in zip(now, losses_of(trio, docs(3)).values(), strict=True)).backward()
    for own, p in zip(found, trio.parameters(), strict=True):
        torch.testing.assert_close(own, p.grad)


def test_what_is_frozen_along_the_way_pulls_no_more(trio: CascadeModel, docs) -> None:
    """With the encoder frozen, `beside` has nothing left to share, and keeps the weight that it has come to."""
    weighting = GradNorm()
    weighting.begin(trio)
    weighting.weigh(losses_of(trio, docs(2)), History())
    trio.encoder.requires_grad_(False)
    before = weights(weighting)
    weighting.weigh(losses_of(trio, docs(2)), History())
    after = weights(weighting)
    assert after[2] == before[2]
    assert after[0] != before[0]


def test_one_process_alone(trio: CascadeModel, monkeypatch) -> None:
    monkeypatch.setattr(processes, "number", lambda: 2)
    with pytest.raises(TrainingError, match="several processes would part ways"):
        GradNorm().begin(trio)


def test_nothing_shared_is_trained(trio: CascadeModel) -> None:
    trio.encoder.requires_grad_(False)
    trio.node("low").requires_grad_(False)
    with pytest.raises(TrainingError, match="all of them are frozen"):
        GradNorm().begin(trio)
