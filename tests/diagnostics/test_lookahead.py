from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import networkx as nx
import pytest
import torch
from torch import Tensor, nn

from cascade.diagnostics.lookahead import look_ahead
from cascade.model import CascadeModel
from cascade.training.randomness import generators, restore_generators
from cascade.training.schedules import Step
from tests.training.conftest import make_docs, make_graph


class Linear(nn.Module):
    """L_a = (w x - 1)^2 and L_b = (w x + v)^2 / 2 + 1: w is shared, v is not."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.v = nn.Parameter(torch.tensor(0.5)), nn.Parameter(torch.tensor(0.25))
        self.graph = nx.DiGraph([("a", "b")])

    def losses(self, step: Step) -> Mapping[str, Tensor]:
        both = {"a": (2 * self.w - 1.5) ** 2, "b": (2 * self.w + self.v) ** 2 / 2 + 1}
        return {task: both[task] for task in step.tasks}


def test_affinity_by_hand() -> None:
    toy: Any = Linear()
    found, through = look_ahead(toy, [Step([], ("a",)), Step([], ("b",))], toy.losses, 0.1)
    # dL_a/dw = 2 (2w - 1.5) 2 = -2, dL_b/dw = (2w + v) 2 = 2.5; w becomes 0.7 or 0.25.
    assert found["a"] == pytest.approx({"b": 1 - ((1.4 + 0.25) ** 2 / 2 + 1) / (1.25**2 / 2 + 1)})
    assert found["b"] == pytest.approx({"a": 1 - (0.5 - 1.5) ** 2 / (1 - 1.5) ** 2})
    assert through == {"a": {}}
    assert (toy.w.item(), toy.v.item()) == (0.5, 0.25) and toy.w.grad is None


@pytest.fixture
def model() -> CascadeModel:
    return CascadeModel(make_graph()).initialize(make_docs(8)).train()


def test_affinity_is_what_brute_force_gives(model: CascadeModel) -> None:
    """A copy that is stepped by hand, in all that the losses of both tasks reach; dropout is the same throughout."""
    docs, rate = make_docs(4, seed=3), 0.05
    step, state = Step(docs, ("tags", "sents")), generators()

    def losses(step: Step, model: CascadeModel = model) -> dict[str, Tensor]:
        return model.losses(model.batch(step.docs, targets=model.graph.order()), step.tasks)

    def fresh(model: CascadeModel) -> dict[str, Tensor]:
        restore_generators(*state)
        return losses(step, model)

    restore_generators(*state)
    before_bits = {name: value.clone() for name, value in model.state_dict().items()}
    found, through = look_ahead(model, [step], losses, rate)
    assert all(torch.equal(value, before_bits[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    before = {name: loss.item() for name, loss in fresh(model).items()}
    reaches = {}
    for task in ("tags", "sents"):
        gradients = torch.autograd.grad(fresh(model)[task], list(model.parameters()), allow_unused=True)
        reaches[task] = dict(zip([name for name, _ in model.named_parameters()], gradients, strict=True))
    common = [name for name in reaches["tags"] if all(reaches[t][name] is not None for t in reaches)]
    assert any(name.startswith("nodes.tags.decoder") for name in common)

    def stepped(task: str, names: list[str]) -> dict[str, float]:
        moved = copy.deepcopy(model)
        with torch.no_grad():
            for name, parameter in moved.named_parameters():
                if name in names:
                    parameter -= rate * reaches[task][name]
        return {name: 1 - loss.item() / before[name] for name, loss in fresh(moved).items()}

    assert found["tags"] == pytest.approx({"sents": stepped("tags", common)["sents"]}, abs=1e-6)
    assert found["sents"] == pytest.approx({"tags": stepped("sents", common)["tags"]}, abs=1e-6)
    own = [
        name for name, gradient in reaches["tags"].items() if name.startswith("nodes.tags.") and gradient is not None
    ]
    assert through == {"tags": pytest.approx({"sents": stepped("tags", own)["sents"]}, abs=1e-6)}
    assert abs(found["tags"]["sents"]) > 1e-4
