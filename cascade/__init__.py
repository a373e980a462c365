"""Directed acyclic graphs of NLP tasks over one shared encoder: trained end to end, run as one spaCy component.

    import cascade as cs
"""

from __future__ import annotations

from importlib.metadata import version

from cascade import config, data, errors, registry, storage, tasks, testing
from cascade.components.loading import load
from cascade.evaluation import evaluate
from cascade.graph import Candidates, Hidden, Labels, Mix, Recurrent, Scheduled, Segments, TaskGraph
from cascade.model import CascadeModel
from cascade.nn import encoders
from cascade.training import curves, optimizers, regularizers, schedules
from cascade.training.batching import Batches
from cascade.training.corpus import Corpus
from cascade.training.trainer import Trainer

__version__ = version("cascade-nlp")

__all__ = [
    "Batches",
    "Candidates",
    "CascadeModel",
    "Corpus",
    "Hidden",
    "Labels",
    "Mix",
    "Recurrent",
    "Scheduled",
    "Segments",
    "TaskGraph",
    "Trainer",
    "config",
    "curves",
    "data",
    "encoders",
    "errors",
    "evaluate",
    "load",
    "optimizers",
    "regularizers",
    "registry",
    "schedules",
    "storage",
    "tasks",
    "testing",
]
