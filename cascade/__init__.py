"""Directed acyclic graphs of NLP tasks over one shared encoder: trained end to end, run as one spaCy component.

import cascade as cs
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cascade import answering, config, data, diagnostics, docs, errors, registry, retrieval, storage, tasks, testing
    from cascade.answering.questions import QuestionAnswering
    from cascade.components.loading import load
    from cascade.diagnostics.calibrating import calibrate
    from cascade.evaluation.evaluate import evaluate
    from cascade.graph import Candidates, Hidden, Labels, Mix, Recurrent, Scheduled, Segments, TaskGraph, Tower
    from cascade.model import CascadeModel
    from cascade.nn import encoders, sharing
    from cascade.retrieval.index import Index
    from cascade.training import curves, optimizers, regularizers, schedules
    from cascade.training.batching import Batches
    from cascade.training.corpus import Corpus
    from cascade.training.extension import extend
    from cascade.training.trainer import Trainer

__version__ = version("cascade-nlp")

__all__ = [
    "Batches",
    "Candidates",
    "CascadeModel",
    "Corpus",
    "Hidden",
    "Index",
    "Labels",
    "Mix",
    "QuestionAnswering",
    "Recurrent",
    "Scheduled",
    "Segments",
    "TaskGraph",
    "Tower",
    "Trainer",
    "answering",
    "calibrate",
    "config",
    "curves",
    "data",
    "diagnostics",
    "docs",
    "encoders",
    "errors",
    "evaluate",
    "extend",
    "load",
    "optimizers",
    "regularizers",
    "registry",
    "retrieval",
    "schedules",
    "sharing",
    "storage",
    "tasks",
    "testing",
]

# Each is imported when it is first asked for: torch and spaCy take seconds, which `cascade --help` should not.
_PLACES = {
    "Batches": "cascade.training.batching:Batches",
    "Candidates": "cascade.graph:Candidates",
    "CascadeModel": "cascade.model:CascadeModel",
    "Corpus": "cascade.training.corpus:Corpus",
    "Hidden": "cascade.graph:Hidden",
    "Index": "cascade.retrieval.index:Index",
    "Labels": "cascade.graph:Labels",
    "Mix": "cascade.graph:Mix",
    "QuestionAnswering": "cascade.answering.questions:QuestionAnswering",
    "Recurrent": "cascade.graph:Recurrent",
    "Scheduled": "cascade.graph:Scheduled",
    "Segments": "cascade.graph:Segments",
    "TaskGraph": "cascade.graph:TaskGraph",
    "Tower": "cascade.graph:Tower",
    "Trainer": "cascade.training.trainer:Trainer",
    "answering": "cascade.answering",
    "calibrate": "cascade.diagnostics.calibrating:calibrate",
    "config": "cascade.config",
    "curves": "cascade.training.curves",
    "data": "cascade.data",
    "diagnostics": "cascade.diagnostics",
    "docs": "cascade.docs",
    "encoders": "cascade.nn.encoders",
    "errors": "cascade.errors",
    "evaluate": "cascade.evaluation.evaluate:evaluate",
    "extend": "cascade.training.extension:extend",
    "load": "cascade.components.loading:load",
    "optimizers": "cascade.training.optimizers",
    "registry": "cascade.registry",
    "regularizers": "cascade.training.regularizers",
    "retrieval": "cascade.retrieval",
    "schedules": "cascade.training.schedules",
    "sharing": "cascade.nn.sharing",
    "storage": "cascade.storage",
    "tasks": "cascade.tasks",
    "testing": "cascade.testing",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'cascade' has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    place = import_module(module)
    value = globals()[name] = getattr(place, attribute) if attribute else place
    return value


def __dir__() -> list[str]:
    return __all__
