from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from confection import Config

from cascade.config import model_from_config, read_config
from cascade.diagnostics.overriding import override
from cascade.errors import ConfigError
from cascade.graph import Hidden, Labels, Segments
from tests.diagnostics.trainings import small_config

EDGES = "components.cascade.graph.edges"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return read_config(small_config(tmp_path), interpolate=False)


def test_values_and_what_follows_from_them(config: Config) -> None:
    changed = override(config, {"system.seed": 7, "paths.dev": "elsewhere", "cascade.trainer.patience": 3})
    assert changed["cascade"]["trainer"]["seed"] == 7
    assert changed["corpora"]["dev"]["path"] == "elsewhere"
    assert changed["cascade"]["trainer"]["patience"] == 3
    assert config["system"]["seed"] == 0 and "patience" not in config["cascade"]["trainer"]


def test_none_takes_sections_out_and_those_that_are_empty_then(config: Config) -> None:
    graph = model_from_config(override(config, {"components.*.graph.edges.*.*.labels": None})).graph
    assert graph.edges_into("chunk") == {"tag": (Hidden(),), "sents": (Segments(),)}
    graph = model_from_config(override(config, {f"{EDGES}.chunk.tag.*": None})).graph
    assert graph.edges_into("chunk") == {"sents": (Segments(),)}
    graph = model_from_config(override(config, {f"{EDGES}.chunk": None})).graph
    assert not graph.edges


def test_a_pattern_sets_all_that_it_fits(config: Config) -> None:
    graph = model_from_config(override(config, {"components.*.graph.tasks.*.layer.shortcut": False})).graph
    assert [graph.task(name).layer.shortcut for name in graph.names()] == [False] * 3


def test_new_parts_of_what_has_named_parts(config: Config) -> None:
    edge = {"@cascade_edges": "cascade.Labels.v1", "width": 2}
    graph = model_from_config(override(config, {f"{EDGES}.chunk.tag.more": edge})).graph
    assert graph.edges_into("chunk")["tag"] == (Hidden(), Labels(width=3), Labels(width=2))
    assert override(config, {"cascade.trainer.rates.chunk": 2.0})["cascade"]["trainer"]["rates"]["chunk"] == 2.0


@pytest.mark.parametrize(
    ("key", "value", "nearest"),
    [
        ("cascade.trainer.epoch", 3, "cascade.trainer.epochs"),
        ("cascade.trainer.patienc", 3, "cascade.trainer.patience"),
        (f"{EDGES}.chunk.tag.label", None, f"{EDGES}.chunk.tag.labels"),
        ("components.*.graph.edges.*.*.lables", None, "labels"),
        ("cascade.trainr", {"epochs": 3}, "cascade.trainer"),
        ("path.dev", "x", "paths.dev"),
        ("zzz", 1, "there is nothing like it"),
    ],
)
def test_an_unknown_key_names_the_nearest(config: Config, key: str, value: Any, nearest: str) -> None:
    with pytest.raises(ConfigError) as caught:
        override(config, {key: value})
    assert f"the config has no {key}: " in str(caught.value) and nearest in str(caught.value)


def test_a_variable_that_is_left_alone(config: Config) -> None:
    with pytest.raises(ConfigError, match="with these changes it is no config"):
        override(config, {"paths": None})
