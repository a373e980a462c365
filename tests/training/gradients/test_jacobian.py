from __future__ import annotations

import sys

import pytest
import torch

from cascade.errors import TrainingError
from cascade.training.gradients import Aggregator


@pytest.fixture
def torchjd() -> None:
    pytest.importorskip("torchjd")


@pytest.mark.usefixtures("torchjd")
def test_it_is_torchjds() -> None:
    from torchjd.aggregation import UPGrad

    gradients = torch.tensor([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]])
    combined = Aggregator().combine(gradients)
    torch.testing.assert_close(combined, UPGrad()(gradients))
    assert (gradients @ combined >= -1e-4).all()


@pytest.mark.usefixtures("torchjd")
def test_settings_reach_it() -> None:
    gradients = torch.tensor([[1.0], [2.0], [30.0], [-7.0]])
    assert Aggregator(name="TrimmedMean", settings={"trim_number": 1}).combine(gradients).tolist() == [1.5]
    assert Aggregator(name="Constant", settings={"weights": [1.0, 1.0, 0.0, 0.5]}).combine(gradients).tolist() == [-0.5]


@pytest.mark.usefixtures("torchjd")
@pytest.mark.parametrize("name", ["Upgrad", "NashMTL", "GradVac", "WeightedAggregator", "UPGradWeighting"])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(TrainingError, match=rf"no aggregator '{name}'.*it has AlignedMTL, CAGrad.*UPGrad$"):
        Aggregator(name=name)


@pytest.mark.usefixtures("torchjd")
@pytest.mark.parametrize("settings", [{}, {"trim": 1}, {"trim_number": -1}])
def test_settings_that_do_not_fit_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(TrainingError, match=r"TrimmedMean\(trim_number: int\).*does not take"):
        Aggregator(name="TrimmedMean", settings=settings)


@pytest.mark.usefixtures("torchjd")
def test_too_few_tasks_are_named() -> None:
    with pytest.raises(TrainingError, match="TrimmedMean cannot combine the gradients of 2 tasks"):
        Aggregator(name="TrimmedMean", settings={"trim_number": 1}).combine(torch.ones(2, 3))


def test_without_torchjd_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchjd.aggregation", None)
    with pytest.raises(TrainingError, match=r"pip install cascade-nlp\[gradients\]"):
        Aggregator()
