"""Every method on a small graph: it trains, from Python and from a config, and a resumed run ends alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
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
from tests.training.killing import Killed, kill, written
from tests.training.methods import METHODS, settings, whole

REGISTRIES = (
    "weightings", "gradients", "samplings", "schedules", "regularizers", "unfreezings", "conditionings", "adapters",
)  # fmt: skip
DEFAULTS = {"cascade.Sum.v1", "cascade.Joint.v1"}


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


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """The weights that come of no method, with so many batches an update and these corpora."""

    @cache
    def weights(accumulate: int, own: bool) -> bytes:
        folder = tmp_path_factory.mktemp("plain") / "run"
        make_trainer(epochs=3, accumulate=accumulate, corpora=whole() if own else None).fit(folder)
        return written(folder)["last/model.safetensors"]

    return weights


@pytest.mark.parametrize("name", METHODS)
def test_it_trains_and_a_resumed_run_ends_alike(
    name: str, plain: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings(name, tmp_path)
    make_trainer(**given).fit(tmp_path / "a" / "run")
    expected = written(tmp_path / "a" / "run")
    if "graph" not in given and name != "vote":
        usual = plain(given.get("accumulate", 1), "corpora" in given)
        assert expected["last/model.safetensors"] != usual, "the method changes nothing"
    with monkeypatch.context() as patched:
        kill(patched, after=7)
        with pytest.raises(Killed):
            make_trainer(**settings(name, tmp_path)).fit(tmp_path / "b" / "run")
    again = make_trainer(**settings(name, tmp_path))
    torch.manual_seed(99)
    again.fit(tmp_path / "b" / "run", resume=True)
    assert written(tmp_path / "b" / "run") == expected


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
    for task in graph.names():
        assert again.task(task) == graph.task(task)
        assert again.edges_into(task) == graph.edges_into(task)


def test_no_method_is_forgotten(tmp_path: Path) -> None:
    tried = set()
    for name in METHODS:
        folder = tmp_path / name
        folder.mkdir()
        with suppress(pytest.skip.Exception):
            tried |= {f"cascade.{type(part).__name__}.v1" for part in parts(settings(name, folder))}
    wanted = {name for each in REGISTRIES for name in getattr(registry, each).names()}
    wanted |= {f"cascade.{task.__name__}.v1" for task in (Adversary, *Auxiliary.__subclasses__())}
    assert {name for name in wanted if name.startswith("cascade.")} - tried - {"cascade.Aggregator.v1"} == DEFAULTS
