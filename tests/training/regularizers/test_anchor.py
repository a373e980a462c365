from __future__ import annotations

import pytest
import torch

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.registry import from_config, to_config
from cascade.training.regularizers import Anchor
from tests.training.regularizers.diamonds import added, count, shift


def test_half_the_squared_way_from_where_training_began(diamond: CascadeModel) -> None:
    """Every parameter moves by 2, so alpha / 2 * ||w - w0||^2 is alpha / 2 * 4 * (number of parameters)."""
    regularizer = Anchor(strength=0.5)
    regularizer.begin(diamond, sweeps=False)
    assert float(added(regularizer, ["low"]).detach()) == 0.0
    shift(diamond, 2.0)
    size = count(diamond, diamond.graph.order())
    assert float(added(regularizer, ["low"]).detach()) == pytest.approx(size, rel=1e-4)
    added(regularizer, []).backward()
    for p in diamond.parameters():
        torch.testing.assert_close(p.grad, torch.full_like(p, 1.0), rtol=1e-4, atol=1e-4)


def test_what_is_new_or_frozen_is_left_alone(diamond: CascadeModel) -> None:
    diamond.nodes["alone"].requires_grad_(False)
    regularizer = Anchor(strength=1.0, strengths={"nodes.top.*": 0.0, "encoder.*": 4.0})
    regularizer.begin(diamond, sweeps=False)
    shift(diamond, 1.0)
    expected = 2.0 * count(diamond, []) + 0.5 * (count(diamond, ["low", "left", "right"]) - count(diamond, []))
    assert float(added(regularizer, ["top"]).detach()) == pytest.approx(expected, rel=1e-4)


def test_the_snapshot_survives_a_checkpoint(diamond: CascadeModel) -> None:
    regularizer = Anchor()
    regularizer.begin(diamond, sweeps=False)
    state = {name: tensor.clone() for name, tensor in regularizer.state_dict().items()}
    shift(diamond, 1.0)
    resumed = Anchor()
    resumed.begin(diamond, sweeps=False)
    assert float(added(resumed, []).detach()) == 0.0
    resumed.load_state_dict(state)
    assert torch.equal(added(resumed, []), added(regularizer, []))


def test_a_pattern_that_fits_nothing_is_an_error(diamond: CascadeModel) -> None:
    with pytest.raises(TrainingError, match=r"nothing fits 'nodes\.ner\.\*'"):
        Anchor(strengths={"nodes.ner.*": 0.0}).begin(diamond, sweeps=False)


def test_config() -> None:
    regularizer = Anchor(strength=0.3, strengths={"nodes.top.*": 0.0})
    assert from_config(to_config(regularizer)) == regularizer
