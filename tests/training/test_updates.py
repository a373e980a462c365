from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from spacy.tokens import Doc
from torch import Tensor

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training.averaging import moving_average
from cascade.training.device import accelerator
from cascade.training.gradients import Flow, Sum
from cascade.training.history import History
from cascade.training.optimizers import SGD
from cascade.training.regularizers import L2, Consistency, Regularizer, Successive
from cascade.training.schedules import Step
from cascade.training.updates import Updates
from cascade.training.weighting import Static

Make = Callable[..., list[Doc]]
BOTH = ("tags", "sents")


@pytest.fixture
def model(model: CascadeModel) -> CascadeModel:
    """In evaluation mode: without dropout, gradients can be worked out a second time."""
    return model.eval()


def make(model: CascadeModel, *regularizers: Regularizer, **settings: Any) -> Updates:
    for regularizer in regularizers:
        regularizer.begin(model, sweeps=True)
    spec = SGD(rate=0.5)
    defaults: dict[str, Any] = {"average": None, "clip": None, "clips": {}, "rates": {}, "joins": {}}
    return Updates(
        model=model, accelerator=accelerator("no", cpu=True), spec=spec, optimizer=spec.build(model),
        weighting=Static(), flow=Flow(Sum(), list(model.parameters())), regularizers=regularizers,
        **{**defaults, **settings},
    )  # fmt: skip


def weights(model: CascadeModel) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def gradients(model: CascadeModel, docs: list[Doc], tasks: tuple[str, ...]) -> dict[str, Tensor]:
    """By autograd, of the sum of the losses; zero where a parameter has no part in them."""
    total = torch.stack(list(model.losses(model.batch(docs, targets=BOTH), tasks).values())).sum()
    named = dict(model.named_parameters())
    found = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    return {n: torch.zeros_like(p) if g is None else g for (n, p), g in zip(named.items(), found, strict=True)}


def take(updates: Updates, *steps: Step) -> None:
    updates.take(steps, History(), progress=0.5, number=1)


def test_an_update_follows_the_mean_gradient_of_its_batches(model: CascadeModel, docs: Make) -> None:
    first, second = docs(3, seed=5), docs(3, seed=6)
    before, a, b = weights(model), gradients(model, first, BOTH), gradients(model, second, BOTH)
    take(make(model), Step(first, BOTH), Step(second, BOTH))
    for name, weight in weights(model).items():
        torch.testing.assert_close(weight, before[name] - 0.5 * (a[name] + b[name]) / 2)


def test_a_sweep_is_clipped_by_its_own_limit(model: CascadeModel, docs: Make) -> None:
    batch = docs(3)
    before, gradient = weights(model), gradients(model, batch, ("tags",))
    norm = torch.cat([g.flatten() for g in gradient.values()]).norm()
    assert norm > 0.02
    take(make(model, clip=100.0, clips={"tags": 0.01}), Step(batch, ("tags",), "tags"))
    for name, weight in weights(model).items():
        torch.testing.assert_close(weight, before[name] - 0.5 * gradient[name] * 0.01 / norm, rtol=1e-4, atol=1e-7)


def test_a_step_leaves_what_its_tasks_do_not_need(model: CascadeModel, docs: Make) -> None:
    before = weights(model)
    take(make(model), Step(docs(3), ("tags",), "tags"))
    moved = {name for name, weight in weights(model).items() if not torch.equal(weight, before[name])}
    assert any(name.startswith("nodes.tags") for name in moved)
    assert not any(name.startswith("nodes.sents") for name in moved)


def test_a_task_that_has_not_joined_has_no_say(model: CascadeModel, docs: Make) -> None:
    batch = docs(3)
    before, gradient = weights(model), gradients(model, batch, ("tags",))
    updates = make(model, joins={"sents": 0.6})
    take(updates, Step(batch, BOTH))
    for name, weight in weights(model).items():
        torch.testing.assert_close(weight, before[name] - 0.5 * gradient[name])
    assert set(updates.losses) == {"tags"}
    updates.take([Step(batch, BOTH)], History(), progress=0.6, number=2)
    assert set(updates.losses) == set(BOTH)


def test_penalties_pass_over_a_task_that_has_not_joined(model: CascadeModel, docs: Make) -> None:
    """Though it is upstream, so that its output is there."""
    batch, moved = docs(3), []
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for tasks in (BOTH, ("sents",)):
        model.load_state_dict(start)
        torch.manual_seed(0)
        take(make(model, Consistency(), joins={"tags": 0.6}), Step(batch, tasks))
        moved.append(weights(model))
    assert not torch.equal(moved[0]["encoder.embedding.words.weight"], start["encoder.embedding.words.weight"])
    assert all(torch.equal(weight, moved[1][name]) for name, weight in moved[0].items())


def test_without_a_task_that_has_joined_nothing_changes(model: CascadeModel, docs: Make) -> None:
    before = weights(model)
    take(make(model, L2(strengths={"*": 0.1}), joins={"sents": 0.6}), Step(docs(3), ("sents",)))
    assert all(torch.equal(weight, before[name]) for name, weight in weights(model).items())


@pytest.mark.parametrize(("progress", "share"), [(0.5, 0.25), (0.8, 1.0)])
def test_a_task_that_has_joined_gains_weight(model: CascadeModel, docs: Make, progress: float, share: float) -> None:
    """It has joined at 0.4 and needs 0.4 to rise; what is logged is its loss as it is."""
    batch = docs(3)
    before, tags, both = weights(model), gradients(model, batch, ("tags",)), gradients(model, batch, BOTH)
    loss = model.losses(model.batch(batch, targets=BOTH), BOTH)["sents"].item()
    updates = make(model, joins={"sents": 0.4}, join_warmup=0.4)
    updates.take([Step(batch, BOTH)], History(), progress=progress, number=1)
    for name, weight in weights(model).items():
        expected = before[name] - 0.5 * (tags[name] + share * (both[name] - tags[name]))
        torch.testing.assert_close(weight, expected, rtol=1e-4, atol=1e-6)
    assert updates.losses["sents"] == [pytest.approx(loss), 1.0]


def test_penalties_are_added_but_not_logged(model: CascadeModel, docs: Make) -> None:
    """The encoder is 2 off its snapshot, so the penalty alone moves it by 0.5 * 2 * 0.1 * 2 = 0.2."""
    regularizer = Successive(strength=0.1)
    updates = make(model, regularizer)
    with torch.no_grad():
        for p in model.encoder.parameters():
            p += 2.0
    batch = docs(3)
    before, gradient = weights(model), gradients(model, batch, ("tags",))
    loss = model.losses(model.batch(batch, targets=["tags"]), ["tags"])["tags"].item()
    take(updates, Step(batch, ("tags",), "tags"))
    for name, weight in weights(model).items():
        pulled = 0.2 if name.startswith("encoder.") else 0.0
        torch.testing.assert_close(weight, before[name] - 0.5 * gradient[name] - pulled, rtol=1e-4, atol=1e-5)
    assert updates.losses == {"tags": [pytest.approx(loss), 1.0]}


def test_the_average_follows(model: CascadeModel, docs: Make) -> None:
    updates = make(model, average=moving_average(model, 0.999))
    take(updates, Step(docs(3), BOTH))
    first = weights(model)
    take(updates, Step(docs(3), BOTH))
    for name, p in updates.average.module.named_parameters():  # type: ignore[union-attr]
        torch.testing.assert_close(p, 2 / 11 * first[name] + 9 / 11 * weights(model)[name])


def test_a_loss_that_is_not_finite_names_task_and_update(model: CascadeModel, docs: Make) -> None:
    with torch.no_grad():
        model.nodes["sents"].decoder.output.bias.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"task 'sents' is nan at update 1"):
        take(make(model), Step(docs(3), BOTH))


def test_docs_without_words_and_without_gold_change_nothing(model: CascadeModel, docs: Make) -> None:
    before = weights(model)
    empty = Doc(docs(1)[0].vocab)
    take(make(model), Step([empty, empty], ("tags",), "tags"))
    assert all(torch.equal(weight, before[name]) for name, weight in weights(model).items())
