"""Every method on the same small graph: it trains, from Python and from a config, and a resumed run ends alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from cascade import registry
from cascade.training import Batches, Trainer, gradients, regularizers, sampling, schedules, weighting
from cascade.training.unfreezing import Unfreezing
from tests.training.killing import Killed, kill

Make = Callable[..., Trainer]
SMALL = Batches(docs=3)


def sampled(method: sampling.Sampling) -> dict[str, Any]:
    return {"schedule": schedules.Sampled(sampling=method, batches=SMALL, length=4)}


METHODS: dict[str, dict[str, Any]] = {
    "static": {"weighting": weighting.Static(weights={"tags": 0.3})},
    "uncertainty": {"weighting": weighting.Uncertainty()},
    "prioritization": {"weighting": weighting.Prioritization()},
    "dynamic average": {"weighting": weighting.DynamicAverage()},
    "gradnorm": {"weighting": weighting.GradNorm()},
    "random weights": {"weighting": weighting.RandomWeights()},
    "geometric": {"weighting": weighting.Geometric()},
    "pcgrad": {"gradients": gradients.PCGrad(), "accumulate": 2},
    "cagrad": {"gradients": gradients.CAGrad(), "accumulate": 2},
    "mgda": {"gradients": gradients.MGDA(), "accumulate": 2},
    "aggregator": {"gradients": "UPGrad", "accumulate": 2},
    "uniform": sampled(sampling.Uniform()),
    "proportional": sampled(sampling.Proportional()),
    "temperature": sampled(sampling.Temperature()),
    "annealed": sampled(sampling.Annealed()),
    "loss-driven": sampled(sampling.LossDriven()),
    "gap-driven": sampled(sampling.GapDriven(goals={"tags": 0.9, "sents": 0.9})),
    "thompson": sampled(sampling.Thompson(main="sents")),
    "round robin": {"schedule": schedules.RoundRobin(batches=SMALL)},
    "mixed": {"schedule": schedules.Mixed(ratio={"tags": 2, "sents": 1}, batches=SMALL)},
    "successive": {"schedule": schedules.Successive(batches=SMALL), "regularizers": [regularizers.Successive()]},
    "curriculum": {"joins": {"sents": 0.4}, "join_warmup": 0.2},
    "unfreezing": {"unfreezing": Unfreezing()},
    "anchor": {"regularizers": [regularizers.Anchor()]},
    "forgetless": {"regularizers": [regularizers.Forgetless()]},
    "consistency": {"regularizers": [regularizers.Consistency()]},
    "soft sharing": {
        "regularizers": [
            regularizers.SoftSharing(between=("nodes.tags.recurrent.*weight_hh*", "nodes.sents.recurrent.*weight_hh*"))
        ]
    },
    "l2": {"regularizers": [regularizers.L2(strengths={"nodes.*": 1e-4})]},
    "vote": {"patience": 1, "vote": True, "best_by_task": True},
}


def settings(name: str) -> dict[str, Any]:
    own = dict(METHODS[name])
    if own.get("gradients") == "UPGrad":
        pytest.importorskip("torchjd")
        own["gradients"] = gradients.Aggregator(name="UPGrad")
    return {"epochs": 3, "checkpoint_every": 1, **own}


def files(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "curves.png"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("name", METHODS)
def test_it_trains_and_a_resumed_run_ends_alike(
    name: str, trainer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cascade.training.run.draw_curves", lambda rows, path: True)
    trainer(**settings(name)).fit(tmp_path / "a" / "run")
    with monkeypatch.context() as patched:
        kill(patched, after=5)
        with pytest.raises(Killed):
            trainer(**settings(name)).fit(tmp_path / "b" / "run")
    torch.manual_seed(99)
    trainer(**settings(name)).fit(tmp_path / "b" / "run", resume=True)
    assert files(tmp_path / "b" / "run") == files(tmp_path / "a" / "run")


@pytest.mark.parametrize("name", METHODS)
def test_a_config_says_the_same(name: str, trainer: Make) -> None:
    """What a config makes of a trainer's settings is the trainer's settings."""
    made = trainer(**settings(name))
    for setting in ("schedule", "weighting", "gradients", "unfreezing"):
        value = getattr(made, setting)
        if value is not None:
            assert registry.from_config(registry.to_config(value)) == value
    for regularizer in made.regularizers:
        assert registry.from_config(registry.to_config(regularizer)) == regularizer


def test_no_method_is_forgotten() -> None:
    """Every class of the registries of training is tried here, or in a test of its own that needs another graph."""
    elsewhere = {
        "cascade.Elastic.v1",  # needs Fisher information
        "cascade.Distillation.v1",  # needs teachers
        "cascade.Subspaces.v1",  # needs a sluice network
        "cascade.Orthogonality.v1",  # needs a private layer
        "cascade.Sum.v1",
        "cascade.Joint.v1",
    }
    tried = set()
    for name in METHODS:
        for value in METHODS[name].values():
            for part in value if isinstance(value, list) else [value]:
                nested = [getattr(part, f.name) for f in fields(part)] if hasattr(part, "__dataclass_fields__") else []
                tried |= {f"cascade.{type(x).__name__}.v1" for x in (part, *nested)}
    tried.add("cascade.Aggregator.v1")
    wanted = {
        name
        for each in ("weightings", "gradients", "samplings", "schedules", "regularizers", "unfreezings")
        for name in getattr(registry, each).names()
    }
    assert {name for name in wanted if name.startswith("cascade.")} - tried - elsewhere == set()
