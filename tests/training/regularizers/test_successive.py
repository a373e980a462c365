from __future__ import annotations

import pytest
import torch

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training.regularizers import L2, Successive
from tests.training.regularizers.diamonds import ABOVE, added, count, shift


def penalties(model: CascadeModel, regularizer: Successive) -> dict[str, float]:
    return {task: float(added(regularizer, [task]).detach()) for task in model.graph.order()}


def test_the_timeline_of_snapshots_worked_by_hand(diamond: CascadeModel) -> None:
    """Every parameter moves by 1 a sweep, so ||theta - theta'||^2 is (number of parameters) * (sweeps since then)^2."""
    regularizer = Successive(strength=0.5)
    regularizer.begin(diamond, sweeps=True)
    assert diamond.graph.order() == list(ABOVE)
    assert set(penalties(diamond, regularizer).values()) == {0.0}
    above = {"low": [], "left": ["low"], "right": ["low"], "top": ["low", "left", "right"], "alone": []}
    size = {task: count(diamond, nodes) for task, nodes in above.items()}
    for epoch in range(2):
        for number, task in enumerate(ABOVE):
            # low and alone: since the epoch began. left, right: since the sweep of low. top: since that of right.
            moved = number if task in ("low", "alone") else number - {"left": 1, "right": 1, "top": 3}[task]
            found = float(added(regularizer, [task]).detach())
            assert found == pytest.approx(0.5 * size[task] * moved**2, rel=1e-3), (epoch, task)
            shift(diamond, 1.0)
            regularizer.end_sweep(task)
        regularizer.end_epoch()


def test_without_sweeps_all_snapshots_are_of_the_end_of_the_epoch(diamond: CascadeModel) -> None:
    regularizer = Successive(strength=1.0)
    regularizer.begin(diamond, sweeps=False)
    shift(diamond, 1.0)
    everything = ["low", "left", "right", "top", "alone"]
    together = count(diamond, ["low", "left", "right"])
    assert float(added(regularizer, everything).detach()) == pytest.approx(together, rel=1e-3)
    assert float(added(regularizer, ["low", "alone"]).detach()) == pytest.approx(count(diamond, []), rel=1e-3)
    regularizer.end_epoch()
    assert float(added(regularizer, everything).detach()) == 0.0


def test_the_gradient_pulls_back_and_only_what_is_upstream(diamond: CascadeModel) -> None:
    """d/d theta of delta * (theta - theta')^2 is 2 * delta * (theta - theta')."""
    regularizer = Successive(strength=0.25)
    regularizer.begin(diamond, sweeps=True)
    shift(diamond, 2.0)
    added(regularizer, ["left"]).backward()
    for name, p in diamond.named_parameters():
        if name.startswith(("encoder.", "nodes.low.")):
            torch.testing.assert_close(p.grad, torch.full_like(p, 1.0), rtol=1e-5, atol=1e-5)
        else:
            assert p.grad is None, name


def test_strength_by_pattern_the_first_match_wins(diamond: CascadeModel) -> None:
    strengths = {"nodes.*.decoder.*": 1.0, "nodes.*": 0.1, "encoder.*": 0.0}
    regularizer = Successive(strength=99.0, strengths=strengths)
    regularizer.begin(diamond, sweeps=True)
    shift(diamond, 1.0)
    decoder = sum(p.numel() for p in diamond.nodes["low"].decoder.parameters())
    rest = sum(p.numel() for p in diamond.nodes["low"].parameters()) - decoder
    assert float(added(regularizer, ["right"]).detach()) == pytest.approx(decoder + 0.1 * rest, rel=1e-3)
    assert float(added(regularizer, ["low"]).detach()) == 0.0


def test_snapshots_survive_a_checkpoint(diamond: CascadeModel) -> None:
    regularizer = Successive()
    regularizer.begin(diamond, sweeps=True)
    shift(diamond, 1.0)
    regularizer.end_sweep("low")
    shift(diamond, 1.0)
    before = penalties(diamond, regularizer)
    assert len(set(before.values())) > 1
    state = {key: tensor.clone() for key, tensor in regularizer.state_dict().items()}
    restored = Successive()
    restored.begin(diamond, sweeps=True)
    restored.load_state_dict(state)
    assert penalties(diamond, restored) == before


@pytest.mark.parametrize("regularizer", [L2(strengths={"nodes.*.bias": 1.0}), Successive(strengths={"node.*": 1.0})])
def test_a_pattern_that_fits_nothing_is_an_error(diamond: CascadeModel, regularizer: L2 | Successive) -> None:
    with pytest.raises(TrainingError, match="nothing fits 'node"):
        regularizer.begin(diamond, sweeps=True)
