"""From the predictions of a cascade's tasks to the candidates that answers are made of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from spacy.tokens import Doc

from cascade import docs as documents
from cascade.answering.candidates import Candidates
from cascade.errors import GraphError
from cascade.model import CascadeModel
from cascade.tasks import Reading, Reranking, Retrieval
from cascade.tasks.base import Predictions, Task


class Stages:
    """Which tasks of a graph retrieve, read and rerank.

    Args:
        model: The model.

    Raises:
        GraphError: No task reads, or several play one part.
    """

    def __init__(self, model: CascadeModel) -> None:
        tasks = [model.task(name) for name in model.graph.order()]
        self.retrieve, self.read, self.rerank = (_only(tasks, kind) for kind in (Retrieval, Reading, Reranking))
        if self.read is None:
            raise GraphError(f"no task of {', '.join(t.name for t in tasks)} reads answers: add a cs.tasks.Reading")

    @property
    def names(self) -> list[str]:
        """The tasks that are run."""
        return [name for name in (self.retrieve, self.read, self.rerank) if name is not None]

    def candidates(self, doc: Doc, predictions: Mapping[str, Predictions]) -> Candidates:
        """The candidates of a question: the spans that every stage has kept.

        Args:
            doc: The question, with its passages.
            predictions: What `CascadeModel.predict` gave for it.
        """
        read = predictions[self.read or ""]
        passages = documents.passage_texts(doc)
        words = [documents.word_spans(text) for text in passages]
        scores = {"read": read["start"] + read["end"], "null": read["null"]}
        scores["length"] = (read["last"] - read["first"] + 1).astype(float)
        if self.retrieve is not None:
            scores["retrieve"] = predictions[self.retrieve]["score"][read["text"]]
        found = documents.hit_scores(doc)
        if found is not None:
            scores["search"] = np.array(found, dtype=float)[read["text"]]
        alive = np.ones(len(read["text"]), dtype=bool)
        if self.rerank is not None:
            scores["rerank"] = predictions[self.rerank]["own"]
            alive = np.isfinite(predictions[self.rerank]["score"])
        rows = list(zip(*(read[name][alive].tolist() for name in ("text", "first", "last")), strict=True))
        places = [(words[text][first][0], words[text][last][1]) for text, first, last in rows]
        return Candidates(
            passage=np.array([text for text, *_ in rows], dtype=int),
            first=np.array([first for first, _ in places], dtype=int),
            last=np.array([last for _, last in places], dtype=int),
            texts=tuple(passages[text][a:b] for (text, *_), (a, b) in zip(rows, places, strict=True)),
            scores={name: np.asarray(values, dtype=float)[alive] for name, values in scores.items()},
        )


def _only(tasks: list[Task], kind: type[Task]) -> str | None:
    """The name of the one task of a kind, if there is one."""
    names = [task.name for task in tasks if isinstance(task, kind)]
    if len(names) > 1:
        raise GraphError(f"{', '.join(names)} are all {kind.__name__}: answers come from a graph with one of them")
    return names[0] if names else None
