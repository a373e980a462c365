"""Small models and hand-made Docs that the tests of training share."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import spacy
from rich.console import Console
from spacy.tokens import Doc

from cascade.graph import Hidden, Labels, Recurrent, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.tasks.sentences import Sentences
from cascade.tasks.tagging import Tagging
from cascade.training import Batches, Corpus, Trainer, optimizers, schedules

VOCAB = spacy.blank("en").vocab
WORDS = {"D": ["the", "a", "every"], "N": ["dog", "cat", "tree", "moon"], "V": ["sees", "likes"]}


def make_docs(number: int, *, seed: int = 0, tags: bool = True, sentences: bool = True) -> list[Doc]:
    """Docs of one to three sentences `D N V D N`, annotated as asked."""
    rng = random.Random(seed)
    docs = []
    for _ in range(number):
        pattern = "DNVDN" * rng.randint(1, 3)
        words = [rng.choice(WORDS[tag]) for tag in pattern]
        starts = [i % 5 == 0 for i in range(len(words))]
        docs.append(
            Doc(VOCAB, words=words, tags=list(pattern) if tags else None, sent_starts=starts if sentences else None)
        )
    return docs


def make_graph(width: int = 6) -> TaskGraph:
    """Tags, and above them sentence boundaries."""
    graph = TaskGraph(encoder=Embedding(words=6, characters=6, vocabulary=20, buckets=40))
    graph.add(Tagging("tags", layer=Recurrent(width, dropout=0.1)))
    return graph.add(
        Sentences("sents", layer=Recurrent(width)), after={"tags": [Hidden(), Labels(width=4, dropout=0.1)]}
    )


def make_trainer(
    *, graph: TaskGraph | None = None, corpora: Sequence[Corpus] | None = None, **settings: Any
) -> Trainer:
    """A trainer of a new model; two corpora, of which each has gold for one task."""
    both = [
        Corpus(train=make_docs(10, sentences=False), dev=make_docs(4, seed=1, sentences=False), name="tagged"),
        Corpus(train=make_docs(6, seed=2, tags=False), dev=make_docs(4, seed=3, tags=False), name="split"),
    ]
    defaults: dict[str, Any] = {
        "schedule": schedules.Joint(batches=Batches(docs=4)),
        "optimizer": optimizers.Adam(rate=1e-2),
        "epochs": 2,
        "cpu": True,
        "console": Console(quiet=True),
    }
    model = CascadeModel(make_graph() if graph is None else graph)
    return Trainer(model, corpora=both if corpora is None else corpora, **{**defaults, **settings})


@pytest.fixture(scope="session")
def docs() -> Callable[..., list[Doc]]:
    return make_docs


@pytest.fixture(scope="session")
def graph() -> Callable[..., TaskGraph]:
    return make_graph


@pytest.fixture(scope="session")
def trainer() -> Callable[..., Trainer]:
    return make_trainer


@pytest.fixture
def model() -> CascadeModel:
    """An initialized model."""
    return CascadeModel(make_graph()).initialize(make_docs(10))
