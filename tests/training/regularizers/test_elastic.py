from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.registry import from_config, to_config
from cascade.training.regularizers import Elastic, save_fisher
from tests.training.regularizers.diamonds import added, shift


@pytest.fixture
def fisher(diamond: CascadeModel, tmp_path: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    """Some Fisher information of all that is not of the task on top, which has been added since."""
    known = {name: p for name, p in diamond.named_parameters() if not name.startswith("nodes.top.")}
    found = {name: torch.rand_like(p) for name, p in known.items()}
    save_fisher(found, tmp_path / "fisher.safetensors")
    return tmp_path / "fisher.safetensors", found


def test_weighed_by_the_fisher_information(diamond: CascadeModel, fisher) -> None:
    """Every parameter moves by 3, so lambda / 2 * sum_i F_i (w_i - w0_i)^2 is lambda / 2 * 9 * sum_i F_i."""
    path, found = fisher
    regularizer = Elastic(strength=0.4, strengths={"encoder.*": 0.0}, fisher=path)
    regularizer.begin(diamond, sweeps=False)
    shift(diamond, 3.0)
    weighed = sum(float(own.sum()) for name, own in found.items() if not name.startswith("encoder."))
    assert float(added(regularizer, ["low"]).detach()) == pytest.approx(0.2 * 9 * weighed, rel=1e-4)
    added(regularizer, []).backward()
    for name, p in diamond.named_parameters():
        if name.startswith(("encoder.", "nodes.top.")):
            assert p.grad is None
        else:
            torch.testing.assert_close(p.grad, 0.4 * 3 * found[name], rtol=1e-4, atol=1e-4)


def test_the_snapshot_survives_a_checkpoint(diamond: CascadeModel, fisher) -> None:
    regularizer, resumed = (Elastic(fisher=fisher[0]) for _ in range(2))
    regularizer.begin(diamond, sweeps=False)
    state = {name: tensor.clone() for name, tensor in regularizer.state_dict().items()}
    shift(diamond, 1.0)
    resumed.begin(diamond, sweeps=False)
    resumed.load_state_dict(state)
    assert float(added(resumed, []).detach()) == float(added(regularizer, []).detach()) > 0


def test_of_another_model_it_is_refused(diamond: CascadeModel, fisher, tmp_path: Path) -> None:
    _, found = fisher
    first = next(iter(found))
    save_fisher({**found, first: torch.zeros(2, 2), "nodes.ner.x": torch.zeros(1)}, tmp_path / "other")
    with pytest.raises(TrainingError, match=rf"nodes.ner.x is not in the graph; {first} has the shape \(2, 2\) there"):
        Elastic(fisher=tmp_path / "other").begin(diamond, sweeps=False)
    with pytest.raises(TrainingError, match="cannot read"):
        Elastic(fisher=tmp_path / "absent").begin(diamond, sweeps=False)


def test_config() -> None:
    regularizer = Elastic(strength=3.0, strengths={"encoder.*": 1.0}, fisher="old.safetensors")
    assert from_config(to_config(regularizer)) == regularizer
