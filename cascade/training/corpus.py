"""Corpora: Docs to train on and to evaluate on, and what they carry gold for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from spacy.tokens import Doc

from cascade.errors import TrainingError
from cascade.evaluation import gold_tasks
from cascade.model import CascadeModel
from cascade.training.schedules import Annotated


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Docs with gold for some of the tasks; corpora may share tasks, and Docs may be annotated in part.

    Args:
        train: Docs to train on.
        dev: Docs to evaluate on; they choose the best model.
        name: What error messages call it.
    """

    train: Sequence[Doc] = field(repr=False)
    dev: Sequence[Doc] = field(default=(), repr=False)
    name: str = "corpus"


def initialize(model: CascadeModel, corpora: Sequence[Corpus]) -> None:
    """Initialize a model from the training Docs of all corpora.

    Raises:
        TrainingError: A task finds no label.
    """
    docs = [doc for corpus in corpora for doc in corpus.train]
    labels = {name: model.task(name).labels(docs) for name in model.graph.order()}
    _require_gold([name for name, found in labels.items() if found], model, corpora)
    model.initialize(docs, labels=labels)


def annotated(model: CascadeModel, corpora: Sequence[Corpus]) -> list[Annotated]:
    """The training Docs of every corpus, each with the tasks it has gold for.

    Raises:
        TrainingError: A task has no gold, or a corpus has none for any task.
    """
    tasks = [model.task(name) for name in model.graph.order()]
    known = [[(doc, gold_tasks(doc, tasks)) for doc in corpus.train] for corpus in corpora]
    for corpus, docs in zip(corpora, known, strict=True):
        if not any(names for _, names in docs):
            raise TrainingError(
                f"corpus {corpus.name!r}: none of its {len(docs)} training Docs has gold for any task of the graph "
                f"({', '.join(model.graph.order())}): leave it out, or read it with the annotation that the tasks need"
            )
    _require_gold({name for docs in known for _, names in docs for name in names}, model, corpora)
    return list(known)


def _require_gold(known: Collection[str], model: CascadeModel, corpora: Sequence[Corpus]) -> None:
    missing = [name for name in model.graph.order() if name not in known]
    if missing:
        names = ", ".join(repr(corpus.name) for corpus in corpora) or "none"
        raise TrainingError(
            f"no training Doc has gold for {', '.join(missing)} (corpora: {names}), or too little: add a corpus "
            "that has, or take the task out of the graph"
        )
