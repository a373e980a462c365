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
        train: Docs to train on; may be empty where there are dev Docs.
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
    _require_gold([name for name, found in labels.items() if found], model.graph.order(), corpora)
    model.initialize(docs, labels=labels)


def annotated(
    model: CascadeModel,
    corpora: Sequence[Corpus],
    *,
    frozen: Collection[str] = (),
    required: Collection[str] | None = None,
) -> list[Annotated]:
    """The training Docs of every corpus, each with the tasks it has gold for.

    Args:
        model: An initialized model.
        corpora: The corpora.
        frozen: Tasks whose gold is passed over.
        required: Tasks that need gold; all but frozen ones when None.

    Raises:
        TrainingError: A task has no gold, a corpus has none for any task, or a task makes no sense in the graph.
    """
    tasks = [model.task(name) for name in model.graph.order()]
    problems = [problem for task in tasks if (problem := task.misplaced(model.graph))]
    if problems:
        raise TrainingError("\n".join(problems))
    trained = [task for task in tasks if task.name not in frozen]
    known = [[(doc, gold_tasks(doc, trained)) for doc in corpus.train] for corpus in corpora]
    for corpus, docs in zip(corpora, known, strict=True):
        if not any(names for _, names in docs) and (docs or not corpus.dev):
            apart = f"; {', '.join(frozen)} are frozen" if frozen else ""
            raise TrainingError(
                f"corpus {corpus.name!r}: none of its {len(docs)} training Docs has gold for any task that is trained "
                f"({', '.join(task.name for task in trained)}{apart}): leave it out, or read it with the annotation "
                "that the tasks need"
            )
    wanted = [task.name for task in trained if required is None or task.name in required]
    _require_gold({name for docs in known for _, names in docs for name in names}, wanted, corpora)
    return list(known)


def _require_gold(known: Collection[str], wanted: Sequence[str], corpora: Sequence[Corpus]) -> None:
    missing = [name for name in wanted if name not in known]
    if missing:
        names = ", ".join(repr(corpus.name) for corpus in corpora) or "none"
        raise TrainingError(
            f"no training Doc has gold for {', '.join(missing)} (corpora: {names}), or too little: add a corpus "
            "that has, or take the task out of the graph"
        )
