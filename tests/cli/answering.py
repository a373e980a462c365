"""What the tests of commands about answers share: a tiny reader's folder, questions, and an index of paragraphs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cascade import storage
from cascade.retrieval import Index
from cascade.retrieval.questions import paragraphs
from tests.answering.tiny import articles, reader, write_questions


@dataclass(frozen=True)
class Place:
    """Where they lie."""

    model: Path
    questions: Path
    answerable: Path
    split: Path
    index: Path


def make_place(folder: Path, **settings: object) -> Place:
    """Make all of them; `settings` are those of the reader."""
    storage.save(reader(folder, **settings), folder / "model")
    added = [(passage.id, "", [passage]) for passage in paragraphs(articles(folder))]
    Index.build(folder / "my.index", added, encoder=None).close()
    return Place(
        model=folder / "model",
        questions=write_questions(folder),
        answerable=write_questions(folder, unanswerable=False),
        split=folder / "split.json",
        index=folder / "my.index",
    )
