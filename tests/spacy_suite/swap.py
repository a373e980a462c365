"""A pytest plugin that puts a cascade of one task in the place of spaCy's own pipes while spaCy's own tests run.

    python -m pytest -p tests.spacy_suite.swap --pyargs spacy.tests.pipeline.test_tagger --outcomes outcomes.json

A factory keeps its name, its settings and their defaults, spaCy's scorer among them; only the model is ours, so that
`model` is taken and not looked at. What spaCy's tests know of a pipe with one task alone is put into our words by the
classes below, and nothing else is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from dataclasses import replace
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

import pytest
import torch
from spacy.language import Language
from spacy.util import registry

from cascade.components.pipe import CascadePipe
from cascade.components.shim import make_model
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Convolutional
from cascade.tasks import Entities, Lemmas, Parsing, Sentences, Tagging, Task, TextClassification

ENCODER = Convolutional(width=128, depth=1, buckets=1000, alpha=0.0, dropout=0.0)
HIDDEN = 1500
"""Wide, since spaCy's tests expect a loss below 0.00001 after 50 steps."""
Settings = dict[str, Any]


class Pipe(CascadePipe):
    """spaCy lists the labels of a pipe without a task's name, and their number is the width `nO` of its model."""

    def initialize(self, get_examples: Any, *, nlp: Any = None, labels: Any = None) -> None:
        name = self.module.graph.names()[0]
        if labels is not None and not isinstance(labels, dict):
            labels = {name: list(dict.fromkeys(labels))}
        super().initialize(get_examples, nlp=nlp, labels=labels)
        self.model.set_dim("nO", len(self.label_data[name]), force=True)


class Morphologizer(Pipe):
    """spaCy has POS among the features of a label; here it is a task of its own."""

    def add_label(self, label: Any, task: str | None = None) -> int:
        if not isinstance(label, str):
            return super().add_label(label)
        features = dict(part.split("=") for part in label.split("|"))
        pos = features.pop("POS", None)
        added = super().add_label("|".join(f"{key}={value}" for key, value in features.items()), task="MORPH")
        return added if pos is None else super().add_label(pos, task="POS")


class Lemmatizer(Pipe):
    """spaCy's tests set the lowest frequency of a tree on the pipe."""

    @property
    def min_tree_freq(self) -> int:
        return self.module.task("lemma").min_freq  # type: ignore[attr-defined,no-any-return]

    @min_tree_freq.setter
    def min_tree_freq(self, value: int) -> None:
        self.module.task("lemma").min_freq = value  # type: ignore[attr-defined]


class Recognizer(Pipe):
    """spaCy's recognizer begins with weights of zero, so that it finds nothing before it is trained."""

    def initialize(self, get_examples: Any, *, nlp: Any = None, labels: Any = None) -> None:
        super().initialize(get_examples, nlp=nlp, labels=labels)
        decoder: Any = self.module.node("ents").decoder
        for parameter in (*decoder.output.parameters(), *decoder.chain.parameters()):
            torch.nn.init.zeros_(parameter)


def tagger(settings: Settings) -> list[Task]:
    return [Tagging("tag", hidden=HIDDEN, smoothing=settings["label_smoothing"])]


def morphologizer(settings: Settings) -> list[Task]:
    smoothing = settings["label_smoothing"]
    return [
        Tagging("MORPH", attribute="MORPH", hidden=HIDDEN, smoothing=smoothing),
        Tagging("POS", attribute="POS", hidden=HIDDEN, smoothing=smoothing),
    ]


def senter(_: Settings) -> list[Task]:
    return [Sentences("sents", layer=1, hidden=HIDDEN)]


def lemmatizer(settings: Settings) -> list[Task]:
    return [Lemmas("lemma", hidden=HIDDEN, min_freq=settings["min_tree_freq"], top_k=settings["top_k"])]


def textcat(_: Settings) -> list[Task]:
    return [TextClassification("cats", hidden=HIDDEN)]


def textcat_multilabel(settings: Settings) -> list[Task]:
    return [TextClassification("cats", exclusive=False, hidden=HIDDEN, threshold=settings["threshold"])]


def parser(_: Settings) -> list[Task]:
    return [Parsing("parse", layer=1, hidden=200, dropout=0.0)]


def ner(_: Settings) -> list[Task]:
    return [Entities("ents", layer=1, hidden=HIDDEN)]


FACTORIES: dict[str, tuple[type[Pipe], Callable[[Settings], list[Task]]]] = {
    "tagger": (Pipe, tagger),
    "morphologizer": (Morphologizer, morphologizer),
    "senter": (Pipe, senter),
    "trainable_lemmatizer": (Lemmatizer, lemmatizer),
    "textcat": (Pipe, textcat),
    "textcat_multilabel": (Pipe, textcat_multilabel),
    "parser": (Pipe, parser),
    "ner": (Recognizer, ner),
}
KEEPS = ("ner",)
"""Pipes that keep annotation which is there already, without a setting that says so."""
made: list[str] = []
"""The pipes that the running test has made; a test that makes none says nothing about us."""


def swap(factory: str, cls: type[Pipe], tasks: Callable[[Settings], list[Task]]) -> None:
    """Register a cascade under the name of one of spaCy's factories."""
    meta = Language.get_factory_meta(factory)
    defaults = {**meta.default_config, "model": None}

    def make(nlp: Language, name: str, **settings: Any) -> CascadePipe:
        made.append(name)
        graph = TaskGraph(encoder=ENCODER)
        for task in tasks(settings):
            graph.add(task)
        model = make_model(CascadeModel(graph))
        model._dims["nO"] = None
        overwrite = settings.get("overwrite", factory not in KEEPS)
        return cls(nlp.vocab, model, name, overwrite=overwrite, scorer=settings["scorer"])

    parameters = [Parameter(key, Parameter.KEYWORD_ONLY, annotation=Any) for key in ("nlp", "name", *defaults)]
    make.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    registry.factories.register(factory, func=make)
    Language.set_factory_meta(factory, replace(meta, default_config=defaults))


class Recorder:
    """Notes how every test ends.

    Args:
        path: Where the outcomes are written, as JSON.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outcomes: dict[str, dict[str, Any]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        made.clear()
        torch.manual_seed(0)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.when == "call" or not report.passed:
            name = f"{item.module.__name__.removeprefix('spacy.tests.')}::{item.name}"
            failed = _statement(call) if report.failed else None
            self.outcomes[name] = {"outcome": report.outcome, "ours": bool(made), "at": failed}
        return report

    def pytest_sessionfinish(self) -> None:
        self.path.write_text(json.dumps(self.outcomes, indent=1))


def _statement(call: pytest.CallInfo[None]) -> str:
    """The statement of spaCy's tests that has failed."""
    assert call.excinfo is not None
    entries = [entry for entry in call.excinfo.traceback if "spacy/tests/" in Path(entry.path).as_posix()]
    return str(entries[-1].statement).strip() if entries else ""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcomes", type=Path, required=True, help="where the outcomes are written, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    torch.set_num_threads(1)
    Language()  # spaCy registers its factories when the first pipeline is made
    for name, (cls, tasks) in FACTORIES.items():
        swap(name, cls, tasks)
    config.pluginmanager.register(Recorder(config.getoption("outcomes")))
