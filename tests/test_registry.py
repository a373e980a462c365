from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import catalogue
import networkx as nx
import pytest
from confection import Config
from hypothesis import given
from hypothesis import strategies as st
from spacy.util import registry as spacy_registry

from cascade import graph as graphs
from cascade import registry, tasks
from cascade.errors import ConfigError, GraphError
from cascade.graph import Candidates, Edge, Hidden, Labels, Mix, Recurrent, Scheduled, Segments, TaskGraph
from cascade.nn import encoders
from cascade.tasks import Sentences, Tagging


def equal(first: TaskGraph, second: TaskGraph) -> bool:
    """Same encoder, same tasks in the same order, same edges in the same order."""
    return (
        first.encoder == second.encoder
        and list(first.nodes(data=True)) == list(second.nodes(data=True))
        and {name: first.edges_into(name) for name in first} == {name: second.edges_into(name) for name in second}
    )


def through_text(config: Mapping[str, Any]) -> Any:
    text = Config({"it": dict(config)}).to_str()
    return Config().from_str(text)["it"]


def every_graph() -> list[TaskGraph]:
    edges: list[Edge] = [
        Hidden(),
        Hidden(group="a", detach=True, dropout=0.5),
        Labels(source=Scheduled(first="hard", then="straight_through", epochs=3), predict="gold", width=7),
        Labels(group="a", convert=None),
        Segments(source="hard", predict="gold"),
    ]
    carrying = TaskGraph(encoder=encoders.Recurrent(embedding=encoders.Embedding(words=3)))
    carrying.add(Sentences("s", layer=Recurrent(4, shortcut=False, depth=2)))
    carrying.add(Tagging("t", attribute="MORPH", layer=Mix(layers=(0, 2))), after={"s": edges})
    pooled = TaskGraph(encoder=encoders.Recurrent(embedding=encoders.Embedding(words=9), depth=3))
    pooled.add(tasks.Relatedness("r", layer=2)).add(
        tasks.Entailment("e", layer=Mix()), after={"r": [Labels(width=4), Hidden(dropout=0.1)]}
    )
    pretrained = TaskGraph(encoder=encoders.Transformer("minilm", layers=3, lora=encoders.LoRA(rank=2)))
    pretrained.add(tasks.TextClassification("c", layer=3, classes=("yes", "no"), exclusive=False))
    forward = TaskGraph(encoder=encoders.Convolutional())
    forward.add(Tagging("later"), after={"sooner": [Hidden()]}).add(Sentences("sooner")).add(Tagging("alone"))
    return [carrying, pooled, pretrained, forward]


@pytest.mark.parametrize("graph", every_graph(), ids=lambda graph: "-".join(graph))
def test_a_graph_survives_its_config(graph: TaskGraph) -> None:
    config = registry.graph_to_config(graph)
    assert equal(registry.graph_from_config(config), graph)
    again = through_text(config)
    assert again == config
    assert equal(registry.graph_from_config(again), graph)


def shipped(module: Any, base: type) -> list[type]:
    found = [getattr(module, name) for name in module.__all__]
    return [cls for cls in found if isinstance(cls, type) and issubclass(cls, base) and is_dataclass(cls)]


def test_everything_that_is_shipped_has_a_name() -> None:
    concrete = {cls for cls in shipped(tasks, tasks.Task) if not getattr(cls, "__abstractmethods__", ())}
    specs = {cls for cls in shipped(encoders, object) if hasattr(cls, "build")}
    named = {cls for cls in (*shipped(graphs, Edge), Mix, Recurrent, Scheduled) if cls is not Edge}
    for cls in (*concrete, *specs, *named):
        assert cls in registry._names, f"{cls.__name__} is not registered"


def test_every_setting_is_written() -> None:
    config = registry.to_config(Tagging("t", hidden=7))
    assert config == {
        "@cascade_tasks": "cascade.Tagging.v1",
        "layer": 0,
        "hidden": 7,
        "dropout": 0.0,
        "smoothing": 0.0,
        "attribute": "TAG",
    }


def test_settings_that_a_config_leaves_out_have_their_defaults() -> None:
    config = {
        "@cascade_graphs": "cascade.TaskGraph.v1",
        "encoder": {"@cascade_encoders": "cascade.Recurrent.v1"},
        "tasks": {"t": {"@cascade_tasks": "cascade.Tagging.v1"}},
    }
    graph = registry.graph_from_config(config)
    assert graph.encoder == encoders.Recurrent()
    assert graph.task("t") == Tagging("t")


def test_spacy_fills_defaults_with_values_that_a_config_can_hold() -> None:
    filled = spacy_registry.fill({"encoder": {"@cascade_encoders": "cascade.Recurrent.v1"}})
    assert through_text(filled) == {"encoder": registry.to_config(encoders.Recurrent())}


SHARES = st.floats(0, 1, exclude_max=True)


@given(
    layer=st.one_of(
        st.integers(0, 9),
        st.builds(Mix, layers=st.lists(st.integers(0, 9)).map(tuple)),
        st.builds(Recurrent, width=st.integers(1, 9), shortcut=st.booleans(), dropout=SHARES),
    ),
    attribute=st.sampled_from(["TAG", "POS", "MORPH"]),
    dropout=SHARES,
)
def test_any_task_survives(layer: Any, attribute: Any, dropout: float) -> None:
    task = Tagging("", attribute=attribute, layer=layer, dropout=dropout)
    assert registry.from_config(through_text(registry.to_config(task))) == task


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"@cascade_tasks": "cascade.Nope.v1"}, r"cascade\.Nope\.v1.*Available names.*cascade\.Tagging\.v1"),
        ({"@cascade_tosks": "cascade.Tagging.v1"}, "Unknown function registry"),
        ({"@cascade_tasks": "cascade.Tagging.v1", "hiden": 3}, "unexpected argument: 'hiden'"),
        (
            {"@cascade_tasks": "cascade.Tagging.v1", "attribute": "XPOS", "hidden": "wide"},
            r"hidden: .*; config.attribute: ",
        ),
        ({"@cascade_edges": "cascade.Candidates.v1"}, "missing required argument: 'k'"),
        ({"@cascade_layers": "cascade.Mix.v1", "layers": 3}, "layers"),
    ],
)
def test_a_config_that_does_not_resolve(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=r"(?s)" + message):
        registry.from_config(config)


def test_edges_into_a_task_that_is_not_there() -> None:
    config = registry.graph_to_config(every_graph()[0])
    config["edges"]["tt"] = config["edges"].pop("t")
    with pytest.raises(ConfigError, match="lead into tt, but .* has only s, t"):
        registry.graph_from_config(config)


def test_edges_that_do_not_fit() -> None:
    config = registry.graph_to_config(every_graph()[0])
    config["edges"]["t"]["s"]["more"] = registry.to_config(Candidates(3))
    with pytest.raises(GraphError, match="Candidates"):
        registry.graph_from_config(config)


def test_a_graph_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="should be .*TaskGraph.*is Tagging"):
        registry.graph_from_config(registry.to_config(Tagging("t")))


@dataclass(kw_only=True)
class Mine(Tagging):
    """A task of one's own."""


@dataclass(frozen=True, kw_only=True)
class Wide(Hidden):
    """An edge of one's own."""


@dataclass(frozen=True)
class Spec:
    """An encoder of one's own."""


@pytest.mark.parametrize(("spec", "kind"), [(Mine("m"), "tasks"), (Wide(), "edges"), (Spec(), "encoders")])
def test_a_class_without_a_name_is_told_how_to_get_one(spec: Any, kind: str) -> None:
    with pytest.raises(ConfigError, match=rf"@cascade\.registry\.{kind}\('my\..*\.v1'\)"):
        registry.to_config(spec)


def test_a_task_of_ones_own() -> None:
    @registry.tasks("test.Own.v1")
    @dataclass(kw_only=True)
    class Own(Tagging):
        ratios: dict[str, float] = field(default_factory=dict)
        file: str | Path = Path("a") / "b"
        mixes: tuple[Mix, ...] = (Mix(), Mix(layers=(1,)))
        names: list[str] = field(default_factory=lambda: ["x"])

    own = Own("o", ratios={"NN": 0.5})
    config = through_text(registry.to_config(own))
    assert config["mixes"]["mix1"] == {"@cascade_layers": "cascade.Mix.v1", "layers": [1]}
    assert config["file"] == str(Path("a/b"))
    again = registry.from_config(config)
    assert (again.ratios, again.mixes, again.names) == ({"NN": 0.5}, own.mixes, ["x"])
    assert registry.from_config({"@cascade_tasks": "test.Own.v1"}).mixes == own.mixes
    assert "test.Own.v1" in registry.tasks.names()


def test_what_no_config_can_hold() -> None:
    @registry.tasks("test.Callable.v1")
    @dataclass(kw_only=True)
    class Calling(Tagging):
        function: Any = None

    with pytest.raises(ConfigError, match=r"Calling\.function holds a builtin_function_or_method"):
        registry.to_config(Calling("c", function=len))


@pytest.mark.parametrize("name", ["tasks", "edges", "layers", "sources", "encoders", "adapters", "graphs"])
def test_packages_can_offer_their_own_by_entry_points(name: str) -> None:
    found: catalogue.Registry = getattr(spacy_registry, f"cascade_{name}")
    assert found.entry_points
    assert found.entry_point_namespace == f"thinc_cascade_{name}"


def test_a_task_from_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    class EntryPoint:
        name = "their.Task.v1"

        def load(self) -> type:
            return Mine

    monkeypatch.setattr(catalogue.Registry, "_get_entry_points", lambda _: [EntryPoint()])
    task = registry.from_config({"@cascade_tasks": "their.Task.v1", "hidden": 3})
    assert isinstance(task, Mine)
    assert task.hidden == 3


def test_settings_are_the_fields_of_the_dataclass() -> None:
    """Whoever adds a field gets a setting, and nobody has to remember it."""
    for cls, (name, _) in registry._names.items():
        made = spacy_registry.get(name, registry._names[cls][1])
        wanted = {f.name for f in fields(cls) if f.init} - ({"name"} if issubclass(cls, tasks.Task) else set())
        assert set(inspect.signature(made).parameters) == wanted


def test_the_graphs_of_this_test_are_no_toys() -> None:
    assert all(nx.is_directed_acyclic_graph(graph.validate()) for graph in every_graph())
