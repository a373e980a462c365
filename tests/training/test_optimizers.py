from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from cascade.model import CascadeModel
from cascade.training.curves import Inverse
from cascade.training.optimizers import SGD, Adam, Optimizer
from cascade.training.schedules import Step


def test_one_group_for_the_encoder_and_one_for_every_node(model: CascadeModel) -> None:
    groups = Adam().build(model).param_groups
    assert [g["name"] for g in groups] == ["encoder", "tags", "sents"]
    assert sorted(id(p) for g in groups for p in g["params"]) == sorted(id(p) for p in model.parameters())


def test_frozen_parameters_are_left_out(model: CascadeModel) -> None:
    model.encoder.requires_grad_(False)
    assert [g["name"] for g in SGD().build(model).param_groups] == ["tags", "sents"]


@pytest.mark.parametrize(
    ("sweep", "expected"),
    [
        (None, {"encoder": 0.1, "tags": 2.0, "sents": 1.0}),
        ("tags", {"encoder": 0.2, "tags": 2.0, "sents": 2.0}),
        ("sents", {"encoder": 0.1, "tags": 1.0, "sents": 1.0}),
    ],
)
def test_whose_factor_counts(model: CascadeModel, sweep: str | None, expected: dict[str, float]) -> None:
    spec = SGD(rate=0.5, curve=Inverse(1.0))
    optimizer = spec.build(model)
    step = Step([], (sweep,) if sweep else ("tags", "sents"), sweep)
    spec.adjust(optimizer, step, {"encoder": 0.1, "tags": 2.0}, epoch=1, progress=0.5)
    found = {g["name"]: g["lr"] for g in optimizer.param_groups}
    assert found == pytest.approx({name: 0.25 * factor for name, factor in expected.items()})


def decayed(parameters: list[Tensor], share: float) -> list[dict[str, Any]]:
    """Every parameter as a group of its own; those of one dimension do not decay."""
    return [{"params": [p], "weight_decay": share if p.dim() > 1 else 0.0} for p in parameters]


def test_only_matrices_decay(model: CascadeModel) -> None:
    groups = Adam(weight_decay=0.1).build(model).param_groups
    assert sorted(id(p) for g in groups for p in g["params"]) == sorted(id(p) for p in model.parameters())
    assert list(dict.fromkeys(g["name"] for g in groups)) == ["encoder", "tags", "sents"]
    assert {(g["weight_decay"], p.dim() > 1) for g in groups for p in g["params"]} == {(0.1, True), (0.0, False)}


@pytest.mark.parametrize(
    ("spec", "oracle"),
    [
        (SGD(rate=0.1, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        (
            Adam(rate=0.1, betas=(0.8, 0.9), weight_decay=0.01),
            lambda p: torch.optim.AdamW(decayed(p, 0.01), lr=0.1, betas=(0.8, 0.9), foreach=False),
        ),
    ],
)
def test_steps_are_those_of_torch(model: CascadeModel, spec: Optimizer, oracle: object) -> None:
    copies = [p.detach().clone().requires_grad_() for p in model.parameters()]
    ours, theirs = spec.build(model), oracle(copies)  # type: ignore[operator]
    for _ in range(3):
        for p, copy in zip(model.parameters(), copies, strict=True):
            p.grad = torch.randn_like(p)
            copy.grad = p.grad.clone()
        ours.step()
        theirs.step()
    for p, copy in zip(model.parameters(), copies, strict=True):
        torch.testing.assert_close(p.detach(), copy.detach())
