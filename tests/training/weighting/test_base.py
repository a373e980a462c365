"""What holds for every weighting."""

from __future__ import annotations

import json

import pytest
import torch

from cascade import registry
from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training.history import History
from cascade.training.weighting import (
    DynamicAverage,
    Geometric,
    GradNorm,
    Prioritization,
    RandomWeights,
    Static,
    Uncertainty,
    Weighting,
)

EVERY = [
    Static(weights={"low": 0.5}),
    Uncertainty(regression=("top",)),
    Prioritization(alpha=0.3, gamma=2.0, alphas={"low": 0.1}, gammas={"top": 0.0}),
    DynamicAverage(temperature=1.0),
    GradNorm(alpha=0.5, rate=0.1),
    RandomWeights(),
    Geometric(),
]
SEEN = History(
    epoch=2,
    epochs=9,
    losses=[{"low": 4.0, "top": 2.0, "beside": 1.0}, {"low": 2.0, "top": 2.0, "beside": 0.9}],
    scores=[{"low": 0.2, "top": 0.5, "beside": 0.9}],
)


def test_all_are_here() -> None:
    names = {f"cascade.{type(weighting).__name__}.v1" for weighting in EVERY}
    assert names == {name for name in registry.weightings.names() if name.startswith("cascade.")}


@pytest.mark.parametrize("weighting", EVERY, ids=repr)
def test_through_a_config_and_back(weighting: Weighting) -> None:
    written = json.loads(json.dumps(registry.to_config(weighting)))
    again = registry.from_config(written)
    assert type(again) is type(weighting)
    assert registry.to_config(again) == registry.to_config(weighting)


@pytest.mark.parametrize("tasks", [("low", "top", "beside"), ("top", "low"), ("beside",)])
@pytest.mark.parametrize("weighting", EVERY, ids=repr)
def test_any_tasks_of_the_graph_in_any_order(trio: CascadeModel, docs, weighting: Weighting, tasks: tuple[str]) -> None:
    weighting.begin(trio)
    for _ in range(2):
        losses = trio.losses(trio.batch(docs(3), targets=tasks), tasks)
        losses = {task: losses[task] for task in tasks}
        weighed = weighting.weigh(losses, SEEN)
        assert tuple(weighed) == tasks
        assert all(loss.shape == () and loss.isfinite() for loss in weighed.values())
        torch.stack(list(weighed.values())).sum().backward()


@pytest.mark.parametrize("weighting", EVERY, ids=repr)
def test_a_resumed_run_goes_on_as_it_would_have_gone(trio: CascadeModel, docs, weighting: Weighting) -> None:
    """The learned parameters take a step by an optimizer, as the trainer has them do."""

    def step(own: Weighting) -> dict[str, torch.Tensor]:
        losses = trio.losses(trio.batch(docs(3), targets=trio.labels), trio.labels)
        weighed = own.weigh(losses, SEEN)
        if own.parameters():
            gradients = torch.autograd.grad(torch.stack(list(weighed.values())).sum(), own.parameters())
            with torch.no_grad():
                for p, gradient in zip(own.parameters(), gradients, strict=True):
                    p -= 0.1 * gradient
        return weighed

    trio.eval()
    weighting.begin(trio)
    for _ in range(3):
        step(weighting)
    state = {key: tensor.clone() for key, tensor in weighting.state_dict().items()}
    random = torch.get_rng_state()
    expected = [step(weighting) for _ in range(3)]

    restored = registry.from_config(registry.to_config(weighting))
    restored.begin(trio)
    parameters = restored.parameters()
    restored.load_state_dict(state)
    assert all(a is b for a, b in zip(parameters, restored.parameters(), strict=True)), "the optimizer holds them"
    torch.set_rng_state(random)
    for own in expected:
        assert step(restored) == own


@pytest.mark.parametrize("weighting", EVERY, ids=repr)
def test_a_checkpoint_before_the_first_batch(trio: CascadeModel, weighting: Weighting) -> None:
    weighting.begin(trio)
    state = {key: tensor.clone() for key, tensor in weighting.state_dict().items()}
    weighting.load_state_dict(state)
    again = weighting.state_dict()
    assert state.keys() == again.keys()
    assert all(torch.equal(again[key], tensor) for key, tensor in state.items())


@pytest.mark.parametrize("weighting", [DynamicAverage(), GradNorm(), RandomWeights(), Geometric()], ids=repr)
def test_one_task_is_not_enough(single: CascadeModel, weighting: Weighting) -> None:
    with pytest.raises(TrainingError, match=rf"{type(weighting).__name__} weighs tasks.*only low: take Static"):
        weighting.begin(single)


@pytest.mark.parametrize("weighting", [Static(), Uncertainty(), Prioritization()], ids=repr)
def test_one_task_is_enough(single: CascadeModel, weighting: Weighting) -> None:
    weighting.begin(single)


@pytest.mark.parametrize(
    ("weighting", "problem"),
    [
        (Static(weights={"lov": 1.0}), "weights= names lov, but the graph has low, top, beside"),
        (Static(weights={"low": -1.0}), "weights= have to be 0 or more"),
        (Static(weights={"low": float("nan")}), "weights= have to be 0 or more"),
        (Uncertainty(regression=["lov"]), "regression= names lov"),
        (Prioritization(alphas={"lov": 1.0}), "alphas= names lov"),
        (Prioritization(gammas={"lov": 1.0}), "gammas= names lov"),
        (Prioritization(alpha=0.0), "alpha= and alphas= have to be above 0"),
        (Prioritization(alphas={"low": 1.1}), "alpha= and alphas= have to be above 0"),
        (Prioritization(gamma=-1.0), "gamma= and gammas= have to be 0 or more"),
        (DynamicAverage(temperature=0.0), "temperature= has to be above 0"),
        (GradNorm(alpha=-1.0), "alpha= has to be 0 or more"),
        (GradNorm(rate=0.0), "rate= above 0"),
    ],
)
def test_settings_without_sense(trio: CascadeModel, weighting: Weighting, problem: str) -> None:
    with pytest.raises(TrainingError, match=problem):
        weighting.begin(trio)
