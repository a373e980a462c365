"""Every method on a small graph: it trains, from Python and from a config, and a resumed run ends alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from confection import Config

from cascade import registry
from cascade.graph import TaskGraph
from cascade.tasks import Adversary
from cascade.tasks.auxiliary import Auxiliary
from tests.training.conftest import make_trainer
from tests.training.killing import Killed, kill
from tests.training.methods import METHODS, settings

REGISTRIES = (
    "weightings", "gradients", "samplings", "schedules", "regularizers", "unfreezings", "conditionings",
)  # fmt: skip
DEFAULTS = {"cascade.Sum.v1", "cascade.Joint.v1"}


def files(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "curves.png"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def parts(value: Any) -> Iterator[Any]:
    """All objects that settings are made of."""
    yield value
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list | tuple):
        inner = list(value)
    elif isinstance(value, TaskGraph):
        inner = [value.encoder, *(value.task(name) for name in value.names())]
    else:
        inner = [getattr(value, field.name) for field in fields(value)] if is_dataclass(value) else []
    for each in inner:
        yield from parts(each)


@pytest.mark.parametrize("name", METHODS)
def test_it_trains_and_a_resumed_run_ends_alike(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_trainer(**settings(name, tmp_path)).fit(tmp_path / "a" / "run")
    with monkeypatch.context() as patched:
        kill(patched, after=5)
        with pytest.raises(Killed):
            make_trainer(**settings(name, tmp_path)).fit(tmp_path / "b" / "run")
    torch.manual_seed(99)
    make_trainer(**settings(name, tmp_path)).fit(tmp_path / "b" / "run", resume=True)
    assert files(tmp_path / "b" / "run") == files(tmp_path / "a" / "run")


@pytest.mark.parametrize("name", METHODS)
def test_a_config_says_the_same(name: str, tmp_path: Path) -> None:
    """What a config makes of a trainer's settings, and of its graph, is what it was made of."""
    made = make_trainer(**settings(name, tmp_path))
    for value in (made.schedule, made.weighting, made.gradients, made.unfreezing, *made.regularizers):
        if value is not None:
            assert registry.from_config(registry.to_config(value)) == value
    graph = made.model.graph
    text = Config({"graph": registry.graph_to_config(graph)}).to_str()
    again = registry.graph_from_config(Config().from_str(text)["graph"])
    assert again.encoder == graph.encoder
    assert [again.task(name) for name in again.names()] == [graph.task(name) for name in graph.names()]


def test_no_method_is_forgotten(tmp_path: Path) -> None:
    tried = set()
    for name in METHODS:
        folder = tmp_path / name
        folder.mkdir()
        tried |= {f"cascade.{type(part).__name__}.v1" for part in parts(settings(name, folder))}
    wanted = {name for each in REGISTRIES for name in getattr(registry, each).names()}
    wanted |= {f"cascade.{task.__name__}.v1" for task in (Adversary, *Auxiliary.__subclasses__())}
    assert {name for name in wanted if name.startswith("cascade.")} - tried == DEFAULTS
