from __future__ import annotations

import pytest
import torch

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training.regularizers import SoftSharing
from tests.training.regularizers.diamonds import added


def test_the_distance_between_each_two(diamond: CascadeModel) -> None:
    names = ("left", "right", "alone")
    regularizer = SoftSharing(between=[f"nodes.{name}.decoder.*" for name in names], strength=0.5)
    regularizer.begin(diamond, sweeps=False)
    left, right, alone = (
        torch.cat([p.detach().flatten() for p in diamond.node(name).decoder.parameters()]) for name in names
    )
    expected = sum(float(((a - b) ** 2).sum()) for a, b in ((left, right), (left, alone), (right, alone)))
    assert added(regularizer, ["low"]).item() == pytest.approx(0.5 * expected, rel=1e-5)


def test_its_gradient_draws_them_together(diamond: CascadeModel) -> None:
    regularizer = SoftSharing(between=("nodes.left.recurrent.*", "nodes.right.recurrent.*"), strength=0.25)
    regularizer.begin(diamond, sweeps=False)
    left, right = (list(diamond.node(n).recurrent.parameters()) for n in ("left", "right"))  # type: ignore[union-attr]
    gradients = torch.autograd.grad(added(regularizer, []), [*left, *right])
    for a, b, da, db in zip(left, right, gradients[: len(left)], gradients[len(left) :], strict=True):
        torch.testing.assert_close(da, 0.5 * (a - b).detach())
        torch.testing.assert_close(db, -da)


def test_patterns_that_do_not_go_together(diamond: CascadeModel) -> None:
    with pytest.raises(TrainingError, match="needs two patterns or more"):
        SoftSharing(between=["nodes.left.*"])
    with pytest.raises(TrainingError, match=r"nothing fits 'nodes.lefd.\*'; a parameter is called such as nodes.top"):
        SoftSharing(between=("nodes.left.*", "nodes.lefd.*")).begin(diamond, sweeps=False)
    with pytest.raises(TrainingError, match="'nodes.top.recurrent.*' fits .*: name parts that are built alike"):
        SoftSharing(between=("nodes.left.recurrent.*", "nodes.top.recurrent.*")).begin(diamond, sweeps=False)
