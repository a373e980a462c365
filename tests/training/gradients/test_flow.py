from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
import torch
from spacy.tokens import Doc
from torch import Tensor, nn

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training.gradients import MGDA, Flow, Gradients, PCGrad, Sum, require_shared, shared, stack, task_gradients
from cascade.training.schedules import Step

NOTHING = torch.zeros(())


class Toy(nn.Module):
    """A trunk that both losses reach, a branch between them, a head of each, and something that none needs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.trunk, self.left, self.right, self.spare = (nn.Linear(3, 3) for _ in range(4))

    def losses(self, seed: int, tasks: Iterable[str] = ("left", "right")) -> dict[str, Tensor]:
        x = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))
        hidden = self.trunk(x).tanh()
        every = {"left": self.left(hidden).square().mean(), "right": (self.right(hidden) - x.sin()).abs().mean()}
        return {task: every[task] for task in tasks}


class Recorded(Gradients):
    """The sum, and what it was asked to add."""

    def __init__(self) -> None:
        object.__setattr__(self, "seen", [])

    def combine(self, gradients: Tensor) -> Tensor:
        self.seen.append(gradients)  # type: ignore[attr-defined]
        return gradients.sum(0)


@pytest.fixture
def toy() -> Toy:
    return Toy()


def grads(module: nn.Module) -> dict[str, Tensor | None]:
    found = {name: None if p.grad is None else p.grad.clone() for name, p in module.named_parameters()}
    module.zero_grad(set_to_none=True)
    return found


def plain(module: nn.Module, total: Tensor) -> dict[str, Tensor | None]:
    total.backward()  # type: ignore[no-untyped-call]
    return grads(module)


def flowed(
    module: nn.Module, method: Gradients, *batches: Mapping[str, Tensor], penalty: Tensor = NOTHING
) -> dict[str, Tensor | None]:
    flow = Flow(method, module.parameters())
    for losses in batches:
        flow.add(losses, penalty, 1 / len(batches))
    flow.finish()
    return grads(module)


def assert_same(one: Mapping[str, Tensor | None], other: Mapping[str, Tensor | None]) -> None:
    assert one.keys() == other.keys()
    for name, gradient in one.items():
        if gradient is None or other[name] is None:
            assert gradient is other[name], name
        else:
            torch.testing.assert_close(gradient, other[name])


def total(losses: Mapping[str, Tensor]) -> Tensor:
    return torch.stack(list(losses.values())).sum()


@pytest.mark.parametrize("method", [Sum(), Recorded()], ids=["Sum", "by task"])
def test_a_sum_is_plain_backward(toy: Toy, method: Gradients) -> None:
    """Also of batches that carry different tasks, with a penalty that reaches what no loss does."""
    expected = plain(toy, total(toy.losses(1)) / 2 + toy.losses(2, ["right"])["right"] / 2 + toy.spare.weight.norm())
    batches = toy.losses(1), toy.losses(2, ["right"])
    flow = Flow(method, toy.parameters())
    for losses in batches:
        flow.add(losses, toy.spare.weight.norm(), 0.5)
    flow.finish()
    assert_same(grads(toy), expected)


def test_two_batches_are_one_of_their_mean_losses(toy: Toy) -> None:
    one, two = toy.losses(1), toy.losses(2)
    summed = flowed(toy, MGDA(), {task: (one[task] + two[task]) / 2 for task in one})
    assert_same(flowed(toy, MGDA(), toy.losses(1), toy.losses(2)), summed)


def test_tasks_of_different_batches_meet(toy: Toy) -> None:
    halves = {task: loss / 2 for task, loss in toy.losses(1).items()}
    together = flowed(toy, MGDA(), halves)
    assert_same(flowed(toy, MGDA(), toy.losses(1, ["left"]), toy.losses(1, ["right"])), together)


def test_the_method_rules_where_losses_meet_and_nowhere_else(toy: Toy) -> None:
    expected = plain(toy, total(toy.losses(1)))
    found = task_gradients(toy.losses(1), list(toy.trunk.parameters()))
    trunk = MGDA().combine(stack(found, [0, 1], list(toy.trunk.parameters()))[1])
    got = flowed(toy, MGDA(), toy.losses(1))
    torch.testing.assert_close(torch.cat([got["trunk.weight"].flatten(), got["trunk.bias"]]), trunk)  # type: ignore[union-attr,list-item]
    own = [name for name in expected if not name.startswith("trunk")]
    assert_same({name: got[name] for name in own}, {name: expected[name] for name in own})
    assert got["spare.weight"] is None


def test_one_loss_alone_is_plain_backward(toy: Toy) -> None:
    method = Recorded()
    expected = plain(toy, toy.losses(1)["left"])
    assert_same(flowed(toy, method, toy.losses(1, ["left"])), expected)
    assert not method.seen  # type: ignore[attr-defined]


def test_penalties_are_added_and_not_combined(toy: Toy) -> None:
    without = flowed(toy, MGDA(), toy.losses(1))
    penalty = toy.trunk.weight.square().sum()
    got = flowed(toy, MGDA(), toy.losses(1), penalty=penalty)
    torch.testing.assert_close(got["trunk.weight"], without["trunk.weight"] + 2 * toy.trunk.weight.detach())  # type: ignore[operator]


def test_a_penalty_may_share_the_graph_of_the_losses(toy: Toy) -> None:
    losses = toy.losses(1)
    got = flowed(toy, Recorded(), losses, penalty=losses["left"] * 3)
    again = toy.losses(1)
    assert_same(got, plain(toy, again["left"] * 4 + again["right"]))


def test_a_task_that_meets_no_other_is_not_combined(toy: Toy) -> None:
    """A row of zeros would be a Pareto optimum to MGDA."""
    method = Recorded()
    flowed(toy, method, {**toy.losses(1), "apart": toy.spare.weight.square().sum()})
    assert method.seen[0].shape == (2, 12)  # type: ignore[attr-defined]


def test_parameters_that_share_a_gradient_do_not_share_its_memory() -> None:
    """Of a + b, autograd gives both the same tensor."""
    a, b = (nn.Parameter(torch.ones(3)) for _ in range(2))
    flow = Flow(PCGrad(), [a, b])
    flow.add({"one": (a + b).square().sum()}, NOTHING, 1.0)
    flow.finish()
    assert a.grad is not None
    assert b.grad is not None
    a.grad.mul_(0)
    assert b.grad.tolist() == [4.0, 4.0, 4.0]


def test_what_needs_no_gradient_now_gets_none(toy: Toy) -> None:
    flow = Flow(PCGrad(), toy.parameters())
    toy.trunk.requires_grad_(False)
    flow.add(toy.losses(1), NOTHING, 1.0)
    flow.add({"frozen": toy.trunk(torch.ones(1, 3)).sum()}, NOTHING, 1.0)
    flow.finish()
    assert toy.trunk.weight.grad is None
    assert toy.left.weight.grad is not None


def test_every_update_begins_anew(toy: Toy) -> None:
    flow = Flow(MGDA(), toy.parameters())
    results = []
    for _ in range(2):
        flow.add(toy.losses(1), NOTHING, 1.0)
        flow.finish()
        results.append(grads(toy))
    assert_same(*results)


def test_a_gradient_that_is_not_finite_is_named(toy: Toy) -> None:
    losses = toy.losses(1)
    bad = torch.sqrt(toy.trunk.weight.sum() * 0)  # finite, its derivative is not
    with pytest.raises(TrainingError, match="the gradient of right is not finite"):
        flowed(toy, PCGrad(), {"left": losses["left"], "right": losses["right"] + bad})


def test_a_cascade_is_shared_as_autograd_says(model: CascadeModel, docs: Callable[..., list[Doc]]) -> None:
    """The upstream node's layer and decoder carry the downstream loss too, by hidden states and label embeddings."""
    names = [name for name, _ in model.named_parameters()]
    losses = model.losses(model.batch(docs(4), targets=("tags", "sents")), ("tags", "sents"))
    both = {names[i] for i in shared(task_gradients(losses, list(model.parameters())))}
    assert both == {name for name in names if name.startswith(("encoder.", "nodes.tags."))}


def step(*tasks: str) -> Step:
    return Step([], tasks)


def check(toy: Toy, *updates: list[Step], method: Gradients | None = None, **settings: Any) -> None:
    require_shared(
        PCGrad() if method is None else method,
        list(toy.parameters()),
        updates,
        settings.get("losses", lambda s: toy.losses(1, s.tasks)),
    )


def test_methods_that_have_something_to_do_pass(toy: Toy) -> None:
    before = torch.get_rng_state()
    check(toy, [step("left")], [step("left"), step("right")], losses=lambda s: _noisy(toy, s))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(gradient is None for gradient in grads(toy).values())


def _noisy(toy: Toy, step: Step) -> dict[str, Tensor]:
    torch.rand(3)
    return toy.losses(1, step.tasks)


def test_a_sum_asks_for_nothing(toy: Toy) -> None:
    check(toy, [step("left")], method=Sum())


def test_updates_of_one_task_are_refused(toy: Toy) -> None:
    with pytest.raises(TrainingError, match=r"PCGrad\(\).*every update trains one task alone.*accumulate="):
        check(toy, [step("left"), step("left")], [step("right")])


def test_losses_that_meet_nowhere_are_refused(toy: Toy) -> None:
    toy.trunk.requires_grad_(False)
    asked = []

    def losses(step: Step) -> dict[str, Tensor]:
        asked.append(step)
        return toy.losses(1, step.tasks)

    with pytest.raises(TrainingError, match=r"no parameter is reached by two of them \(left, right\).*encoder"):
        check(toy, *([step("left", "right")] for _ in range(50)), losses=losses)
    assert len(asked) == 3
