"""Names for the classes that graphs are written in, and graphs as configs in spaCy's format.

Every registry is one of spaCy's: it is filled by a decorator, such as `@cascade.registry.tasks("my.Task.v1")`, or by
entry points of a package, whose group is then `thinc_cascade_tasks`.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from confection import ConfigValidationError
from spacy.util import registry as spacy_registry

from cascade.errors import ConfigError
from cascade.graph import Candidates, Edge, Hidden, Labels, Mix, Recurrent, Scheduled, Segments, TaskGraph
from cascade.nn import encoders as shipped_encoders
from cascade.tasks.base import Task
from cascade.tasks.sentences import Sentences
from cascade.tasks.tagging import Tagging

Class = TypeVar("Class", bound=type)
Config = dict[str, Any]
"""A section of a config: a registered class under a key that begins with @, and its settings."""

KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY

_names: dict[type, tuple[str, str]] = {}


class Registry:
    """A registry of dataclasses that a config can name.

    Args:
        name: The registry's name; a config writes `@name = "package.Class.v1"`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        if not hasattr(spacy_registry, name):
            spacy_registry.create(name, entry_points=True)

    def __call__(self, name: str) -> Callable[[Class], Class]:
        """Register a class.

        Args:
            name: Package, class and version, such as `my.Task.v1`. Whoever changes a field or its default takes a new
                version and keeps the old one.

        Returns:
            The decorator.
        """

        def decorate(cls: Class) -> Class:
            self.register(name, _maker(cls))
            _names[cls] = (self.name, name)
            return cls

        return decorate

    def register(self, name: str, function: Callable[..., Any]) -> None:
        """Register a function that makes what a config names."""
        getattr(spacy_registry, self.name).register(name, func=function)

    def names(self) -> list[str]:
        """Everything that is registered, sorted."""
        return sorted(getattr(spacy_registry, self.name).get_all())


tasks = Registry("cascade_tasks")
edges = Registry("cascade_edges")
layers = Registry("cascade_layers")
sources = Registry("cascade_sources")
encoders = Registry("cascade_encoders")
graphs = Registry("cascade_graphs")


def to_config(spec: Any) -> Config:
    """The config of an object whose class is registered, with all its settings.

    Args:
        spec: Such as a task, an edge or an encoder's specification.

    Raises:
        ConfigError: Its class is not registered, or a setting is nothing that a config can hold.
    """
    if type(spec) not in _names:
        kind = "tasks" if isinstance(spec, Task) else "edges" if isinstance(spec, Edge) else "encoders"
        cls = type(spec).__qualname__
        raise ConfigError(
            f"a config cannot name the class {cls}: write @cascade.registry.{kind}('my.{cls}.v1') above its definition"
        )
    registry, name = _names[type(spec)]
    return {f"@{registry}": name, **{f.name: _plain(getattr(spec, f.name), spec, f) for f in _settings(type(spec))}}


def from_config(config: Mapping[str, Any]) -> Any:
    """The object that a config describes.

    Raises:
        ConfigError: A name is not registered, or a setting is missing, unknown or of another type.
    """
    try:
        return spacy_registry.resolve({"config": dict(config)})["config"]
    except (ConfigValidationError, ValueError, TypeError) as error:
        raise ConfigError(f"this part of a config does not resolve: {str(error).strip()}") from error


def graph_to_config(graph: TaskGraph) -> Config:
    """A graph as a config: its encoder, its tasks by name, its edges by downstream and upstream name.

    Raises:
        ConfigError: See `to_config`.
    """
    return {
        "@cascade_graphs": "cascade.TaskGraph.v1",
        "encoder": to_config(graph.encoder),
        "tasks": {name: to_config(graph.task(name)) for name in graph.names()},
        "edges": {
            name: {
                upstream: {f"{type(edge).__name__.lower()}{i or ''}": to_config(edge) for i, edge in enumerate(bundle)}
                for upstream, bundle in graph.edges_into(name).items()
            }
            for name in graph.names()
            if graph.in_degree(name)
        },
    }


def graph_from_config(config: Mapping[str, Any]) -> TaskGraph:
    """The graph that a config describes.

    Raises:
        ConfigError: See `from_config`.
        GraphError: The graph cannot work.
    """
    graph = from_config(config)
    if not isinstance(graph, TaskGraph):
        raise ConfigError(f'expected a graph, @cascade_graphs = "cascade.TaskGraph.v1", got {type(graph).__name__}')
    return graph


def make_graph(
    encoder: Any, tasks: dict[str, Any], edges: dict[str, dict[str, dict[str, Any]]] | None = None
) -> TaskGraph:
    """Make a graph from the parts that a config names (`cascade.TaskGraph.v1`).

    Args:
        encoder: The encoder's specification.
        tasks: Tasks by name.
        edges: Edges by downstream name, upstream name, and a name of their own that means nothing.

    Raises:
        ConfigError: Edges lead into a task that is not there.
        GraphError: See `TaskGraph.add`.
    """
    edges = edges or {}
    strangers = sorted(set(edges) - set(tasks))
    if strangers:
        raise ConfigError(
            f"[edges] lead into {', '.join(strangers)}, but [tasks] has only {', '.join(tasks) or 'nothing'}"
        )
    graph = TaskGraph(encoder=encoder)
    for name, task in tasks.items():
        into = edges.get(name, {})
        graph.add(replace(task, name=name), after={upstream: tuple(b.values()) for upstream, b in into.items()})
    return graph


def _settings(cls: type) -> list[Field[Any]]:
    """The fields that a config sets; a task's name is its key in the graph."""
    return [f for f in fields(cls) if f.init and not (issubclass(cls, Task) and f.name == "name")]


def _plain(value: Any, spec: Any, field: Field[Any]) -> Any:
    """A value as JSON has it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(v, spec, field) for key, v in value.items()}
    if isinstance(value, Sequence):
        return [_plain(v, spec, field) for v in value]
    if is_dataclass(value):
        return to_config(value)
    raise ConfigError(
        f"{type(spec).__name__}.{field.name} holds a {type(value).__name__}: a config holds numbers, texts, truth "
        "values, None, lists and objects of registered dataclasses"
    )


def _maker(cls: type) -> Callable[..., Any]:
    """What spaCy's registry calls: the class, with a signature in which every default is one that a config can hold."""
    hints = get_type_hints(cls)

    def make(**settings: Any) -> Any:
        return cls(**{name: _restored(value, hints[name]) for name, value in settings.items()})

    parameters = [
        inspect.Parameter(f.name, KEYWORD_ONLY, default=_default(cls, f), annotation=_listed(hints[f.name]))
        for f in _settings(cls)
    ]
    make.__name__ = make.__qualname__ = cls.__name__
    make.__annotations__ = {p.name: p.annotation for p in parameters}
    make.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return make


def _default(cls: type, field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return _plain(field.default, cls, field)
    return inspect.Parameter.empty if field.default_factory is MISSING else _plain(field.default_factory(), cls, field)


def _listed(hint: Any) -> Any:
    """A field's type as a config has it: JSON knows lists, no tuples."""
    return Union[tuple(list if get_origin(option) is tuple else option for option in _options(hint))]  # noqa: UP007


def _restored(value: Any, hint: Any) -> Any:
    """A config's value as its field has it."""
    fits = any(get_origin(option) is tuple for option in _options(hint))
    return tuple(value) if fits and isinstance(value, list) else value


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _register_shipped() -> None:
    graphs.register("cascade.TaskGraph.v1", make_graph)
    shipped: dict[Registry, list[type]] = {
        layers: [Mix, Recurrent],
        sources: [Scheduled],
        edges: [Hidden, Labels, Segments, Candidates],
        encoders: [shipped_encoders.Embedding, shipped_encoders.Convolutional, shipped_encoders.Recurrent],
        tasks: [Sentences, Tagging],
    }
    for registry, classes in shipped.items():
        for cls in classes:
            registry(f"cascade.{cls.__name__}.v1")(cls)


_register_shipped()
