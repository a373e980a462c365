"""Names for the classes that graphs are written in, and graphs as configs in spaCy's format.

Every registry is one of spaCy's: it is filled by a decorator, such as `@cascade.registry.tasks("my.Task.v1")`, or by
entry points of a package, whose group is then `thinc_cascade_tasks`.
"""

from __future__ import annotations

import inspect
import os
from abc import ABC
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from confection import ConfigValidationError
from spacy.util import registry as spacy_registry

from cascade.errors import ConfigError
from cascade.graph import Candidates, Hidden, Labels, Mix, Recurrent, Scheduled, Segments, TaskGraph, Tower
from cascade.nn.encoders import Convolutional, Embedding, LoRA, Sluice, Transformer
from cascade.nn.encoders import Recurrent as RecurrentEncoder
from cascade.nn.sharing import Bottleneck, ConditionalNorm, HyperNetwork, LowRank, SelectiveDropout
from cascade.tasks import (
    Adversary,
    AutoEncoding,
    Chunking,
    Entailment,
    Entities,
    LanguageModeling,
    Lemmas,
    MaskedLanguageModeling,
    Parsing,
    Reading,
    Relatedness,
    Reranking,
    Retrieval,
    Sentences,
    Tagging,
    Task,
    TextClassification,
    Verification,
)

Class = TypeVar("Class", bound=type)
Config = dict[str, Any]
"""A section of a config: a registered class under a key that begins with @, and its settings."""

KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY

_names: dict[type, tuple[str, str]] = {}

registries: dict[str, Registry] = {}
"""Every registry by its name."""


class Registry:
    """A registry of dataclasses that a config can name.

    Args:
        name: The registry's name; a config writes `@name = "package.Class.v1"`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        if not hasattr(spacy_registry, name):
            spacy_registry.create(name, entry_points=True)
        registries[name] = self

    def __call__(self, name: str) -> Callable[[Class], Class]:
        """Register a class.

        Args:
            name: Package, class and version, such as `my.Task.v1`. Whoever changes a field or its default takes a new
                version and keeps the old one.

        Returns:
            The decorator.
        """

        def decorate(cls: Class) -> Class:
            self.register(name, maker(cls))
            _names[cls] = (self.name, name)
            return cls

        return decorate

    def register(self, name: str, function: Callable[..., Any]) -> None:
        """Register a function that makes what a config names."""
        getattr(spacy_registry, self.name).register(name, func=function)

    def names(self) -> list[str]:
        """Everything that is registered, sorted."""
        return sorted(self.functions())

    def functions(self) -> dict[str, Callable[..., Any]]:
        """What makes each thing that is registered; its docstring is that of the class.

        Raises:
            ConfigError: What a package offers cannot be imported.
        """
        try:
            found: dict[str, Callable[..., Any]] = getattr(spacy_registry, self.name).get_all()
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"registry {self.name}: an installed package offers what cannot be imported ({error}): mend or "
                "uninstall it"
            ) from error
        return found


tasks = Registry("cascade_tasks")
edges = Registry("cascade_edges")
layers = Registry("cascade_layers")
sources = Registry("cascade_sources")
encoders = Registry("cascade_encoders")
adapters = Registry("cascade_adapters")
conditionings = Registry("cascade_conditionings")
graphs = Registry("cascade_graphs")
batches = Registry("cascade_batches")
curves = Registry("cascade_curves")
optimizers = Registry("cascade_optimizers")
regularizers = Registry("cascade_regularizers")
schedules = Registry("cascade_schedules")
samplings = Registry("cascade_samplings")
unfreezings = Registry("cascade_unfreezings")
gradients = Registry("cascade_gradients")
weightings = Registry("cascade_weightings")
trainers = Registry("cascade_trainers")


def to_config(spec: Any) -> Config:
    """The config of an object whose class is registered, with all its settings.

    Args:
        spec: Such as a task, an edge or an encoder's specification.

    Raises:
        ConfigError: Its class is not registered, or a setting is nothing that a config can hold.
    """
    if type(spec) not in _names:
        cls, kind = type(spec).__qualname__, _kind(type(spec))
        raise ConfigError(
            f"a config cannot name the class {cls}: write @cascade.registry.{kind}('my.{cls}.v1') above its definition"
        )
    registry, name = _names[type(spec)]
    return {
        f"@{registry}": name,
        **{f.name: _plain(getattr(spec, f.name), type(spec), f) for f in _settings(type(spec))},
    }


def _kind(cls: type) -> str:
    """The registry where classes like this one are; encoders have nothing in common."""
    bases = {*cls.__mro__} - {object, ABC}
    alike = (registry for known, (registry, _) in _names.items() if not bases.isdisjoint(known.__mro__))
    return next(alike, encoders.name).removeprefix("cascade_")


def from_config(config: Mapping[str, Any], *, where: str = "config") -> Any:
    """The object that a config describes.

    Args:
        config: A section.
        where: The section's name, for error messages.

    Raises:
        ConfigError: A name is not registered, or a setting is missing, unknown or of another type.
    """
    try:
        return spacy_registry.resolve({where: dict(config)})[where]
    except ConfigValidationError as error:
        problems = [(".".join(map(str, e["loc"])), e["msg"].removeprefix("at root: ")) for e in error.errors or ()]
        found = "; ".join(f"{place}: {message}" for place, message in problems)
        raise ConfigError(f"[{where}] does not resolve: {found or error}") from error
    except (ConfigError, ValueError, TypeError) as error:
        raise ConfigError(f"[{where}] does not resolve: {error}") from error


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
                upstream: {_key(edge, i): to_config(edge) for i, edge in enumerate(bundle)}
                for upstream, bundle in graph.edges_into(name).items()
            }
            for name in graph.names()
            if graph.in_degree(name)
        },
    }


def graph_from_config(config: Mapping[str, Any], *, where: str = "graph") -> TaskGraph:
    """The graph that a config describes.

    Args:
        config: A section.
        where: The section's name, for error messages.

    Raises:
        ConfigError: See `from_config`.
        GraphError: The graph cannot work.
    """
    graph = from_config(config, where=where)
    if not isinstance(graph, TaskGraph):
        raise ConfigError(f'[{where}] should be @cascade_graphs = "cascade.TaskGraph.v1", is {type(graph).__name__}')
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


def maker(cls: type, *, call: Callable[..., Any] | None = None, without: Collection[str] = ()) -> Callable[..., Any]:
    """What spaCy's registry calls for a dataclass: a function of its fields in which every default is plain.

    A sequence of registered objects is a section of named entries in a config, since spaCy resolves none in lists.

    Args:
        cls: The dataclass.
        call: What gets the settings; the class itself when None.
        without: Fields that a config does not set.
    """
    hints, function = get_type_hints(cls), call or cls

    def make(**settings: Any) -> Any:
        return function(**{name: _restored(value, hints[name]) for name, value in settings.items()})

    parameters = [
        inspect.Parameter(f.name, KEYWORD_ONLY, default=_default(cls, f), annotation=_wire_type(hints[f.name]))
        for f in _settings(cls)
        if f.name not in without
    ]
    make.__name__ = make.__qualname__ = cls.__name__
    make.__doc__ = cls.__doc__
    make.__annotations__ = {p.name: p.annotation for p in parameters}
    make.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return make


def _settings(cls: type) -> list[Field[Any]]:
    """The fields that a config sets; a task's name is its key in the graph."""
    return [f for f in fields(cls) if f.init and not (issubclass(cls, Task) and f.name == "name")]


def _default(cls: type, field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return _plain(field.default, cls, field)
    return inspect.Parameter.empty if field.default_factory is MISSING else _plain(field.default_factory(), cls, field)


def _plain(value: Any, cls: type, field: Field[Any]) -> Any:
    """A value as a config has it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(v, cls, field) for key, v in value.items()}
    if isinstance(value, Sequence):
        if any(map(is_dataclass, value)):
            return {_key(v, i): _plain(v, cls, field) for i, v in enumerate(value)}
        return [_plain(v, cls, field) for v in value]
    if is_dataclass(value):
        return to_config(value)
    raise ConfigError(
        f"{cls.__name__}.{field.name} holds a {type(value).__name__}: a config holds numbers, texts, truth values, "
        "None, lists and objects of registered dataclasses"
    )


def _key(value: Any, number: int) -> str:
    """A name for an entry of a section that stands for a sequence."""
    return f"{type(value).__name__.lower()}{number or ''}"


def _wire_type(hint: Any) -> Any:
    """A field's type as a config has it: JSON knows no tuples, and objects in sections are not made yet."""
    options = (list | dict if _is_sequence(o) else dict if _is_mapping(o) else o for o in _options(hint))
    return Union[tuple(options)]  # noqa: UP007


def _restored(value: Any, hint: Any) -> Any:
    """A config's value as its field has it."""
    sequences = [get_origin(option) for option in _options(hint) if _is_sequence(option)]
    if not sequences or not isinstance(value, list | dict):
        return value
    entries = value.values() if isinstance(value, dict) else value
    return list(entries) if sequences[0] is list else tuple(entries)


def _is_sequence(hint: Any) -> bool:
    return get_origin(hint) in (tuple, list, Sequence)


def _is_mapping(hint: Any) -> bool:
    return get_origin(hint) in (dict, Mapping)


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def register_all(registry: Registry, classes: Iterable[type]) -> None:
    """Register shipped classes, as `cascade.NAME.v1`."""
    for cls in classes:
        registry(f"cascade.{cls.__name__}.v1")(cls)


graphs.register("cascade.TaskGraph.v1", make_graph)
register_all(layers, [Mix, Recurrent, Tower])
register_all(sources, [Scheduled])
register_all(edges, [Hidden, Labels, Segments, Candidates])
register_all(encoders, [Embedding, Convolutional, RecurrentEncoder, Sluice, Transformer])
register_all(adapters, [LoRA])
register_all(conditionings, [Bottleneck, LowRank, HyperNetwork, ConditionalNorm, SelectiveDropout])
register_all(
    tasks, [Sentences, Tagging, Lemmas, Chunking, Entities, Parsing, TextClassification, Relatedness, Entailment]
)
register_all(tasks, [Retrieval, Reading, Reranking, Verification, Adversary])
register_all(tasks, [MaskedLanguageModeling, LanguageModeling, AutoEncoding])
