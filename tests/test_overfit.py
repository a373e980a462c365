"""A graph of four tasks with every kind of edge learns a handful of Docs by heart, however it is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from spacy.attrs import SENT_START
from spacy.tokens import Doc
from spacy.vocab import Vocab

from cascade.docs import assign
from cascade.evaluation import bare_copy
from cascade.graph import Candidates, Hidden, Labels, Scheduled, Segments, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Convolutional
from cascade.tasks import Parsing, Sentences, Tagging
from cascade.training import Batches, Corpus, Trainer, optimizers, regularizers, schedules
from tests.toys import Retrieve, pair_of

VOCAB = Vocab()
# Word, tag, head in the sentence from 1, relation; a sentence ends with its full stop.
LEXICON = {"the": "DT", "old": "JJ", "cat": "NN", "dogs": "NN", "naps": "VB", "bark": "VB", ".": "SENT"}
TREES = {
    "the cat naps .": [(2, "det"), (3, "nsubj"), (0, "ROOT"), (3, "punct")],
    "dogs bark .": [(2, "nsubj"), (0, "ROOT"), (2, "punct")],
    "the old cat naps .": [(3, "det"), (3, "amod"), (4, "nsubj"), (0, "ROOT"), (4, "punct")],
    "bark , dogs": [(0, "ROOT"), (1, "punct"), (1, "vocative")],
}
PAIRS = [  # the right text is the one about a cat; the other one has no tree
    ("the cat naps . dogs bark .", "dogs bark ."),
    ("dogs bark .", "the old cat naps ."),
    ("dogs bark . dogs bark .", "the cat naps . the old cat naps ."),
    ("the old cat naps . bark , dogs", "bark , dogs"),
    ("bark , dogs", "dogs bark . the cat naps ."),
]


def doc_of(first: str, second: str) -> Doc:
    words, heads, relations, starts = [], [], [], []
    for text in (first, second):
        for sentence in text.replace(" . ", " .|").split("|"):
            begin = len(words)
            for i, (word, (head, relation)) in enumerate(zip(sentence.split(), TREES[sentence], strict=True)):
                words.append(word)
                heads.append(begin + (head - 1 if head else i) if "cat" in text else begin + i)
                relations.append(relation if "cat" in text else "")
                starts.append(i == 0)
    doc = Doc(VOCAB, words=words, tags=[LEXICON.get(w, "PCT") for w in words], heads=heads, deps=relations)
    assign(doc, [SENT_START], np.where(starts, 1, -1).astype(np.int64).astype(np.uint64))
    return pair_of(doc, len(first.split()), right=int("cat" in second))


@pytest.fixture
def docs() -> list[Doc]:
    return [doc_of(*pair) for pair in PAIRS]


@pytest.fixture
def model() -> CascadeModel:
    encoder = Convolutional(width=24, depth=3, words=12, parts=8, characters=8, vocabulary=50, buckets=50, dropout=0.0)
    graph = TaskGraph(encoder=encoder)
    graph.add(Tagging("tag", layer=1, hidden=16))
    graph.add(Sentences("sents", layer=1, hidden=16), after={"tag": [Labels(width=8, source="straight_through")]})
    graph.add(
        Retrieve("retrieve", layer=2, hidden=16),
        after={"tag": [Labels(width=8, convert="max")], "sents": [Labels(width=8, convert="mean", source="hard")]},
    )
    parse = Parsing("parse", layer=3, hidden=24, relations=16, dropout=0.0)
    edges: dict[str, list[Any]] = {
        "tag": [Hidden(), Labels(width=8, group="y", source=Scheduled(epochs=4))],
        "sents": [Segments(), Labels(width=8, group="y", source="gold")],
        "retrieve": [Candidates(1, gold=True), Labels(width=8, convert="broadcast")],
    }
    return CascadeModel(graph.add(parse, after=edges))


def by_hand(model: CascadeModel, docs: list[Doc], _: Path) -> None:
    """A plain loop over one batch."""
    model.initialize(docs).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    names = model.graph.names()
    batch = model.batch(docs, targets=names)
    for step in range(60):
        model.epoch = step // 10
        optimizer.zero_grad()
        torch.stack(list(model.losses(batch, names).values())).sum().backward()
        optimizer.step()


def trained_by(schedule: schedules.Schedule, **settings: Any) -> Callable[[CascadeModel, list[Doc], Path], None]:
    """The trainer, with one corpus for tags and one for everything else."""

    def train(model: CascadeModel, docs: list[Doc], folder: Path) -> None:
        tagged = [Doc(VOCAB, words=[t.text for t in doc], tags=[t.tag_ for t in doc]) for doc in docs]
        corpora = [Corpus(train=docs, dev=docs, name="all"), Corpus(train=tagged, dev=tagged, name="tags")]
        optimizer = optimizers.Adam(rate=0.01)
        common: dict[str, Any] = {"average": None, "cpu": True, "console": Console(quiet=True), "evaluate_every": 10}
        Trainer(model, corpora=corpora, schedule=schedule, optimizer=optimizer, **common, **settings).fit(folder)

    return train


TRAININGS = {
    "by hand": by_hand,
    "joint": trained_by(schedules.Joint(batches=Batches(docs=3)), epochs=30),
    "successive": trained_by(
        schedules.Successive(batches=Batches(docs=5)),
        epochs=30,
        regularizers=[regularizers.Successive(strength=1e-3)],
    ),
}


@pytest.mark.parametrize("training", TRAININGS)
def test_four_tasks_with_every_kind_of_edge_are_learned_by_heart(
    training: str, model: CascadeModel, docs: list[Doc], tmp_path: Path
) -> None:
    TRAININGS[training](model, docs, tmp_path / "run")
    copies = [bare_copy(doc) for doc in docs]
    for copy, predictions in zip(copies, model.predict(copies), strict=True):
        for name in model.graph.order():
            model.task(name).annotate(copy, predictions[name])
    for copy, doc in zip(copies, docs, strict=True):
        assert [t.tag_ for t in copy] == [t.tag_ for t in doc]
        assert copy.cats == doc.cats
        right = [t.i for t in doc if t.dep_]
        assert [(copy[i].head.i, copy[i].dep_) for i in right] == [(doc[i].head.i, doc[i].dep_) for i in right]
        starts = {doc[i].sent.start for i in right}
        assert {copy[i].sent.start for i in right} == starts
    sentences = [predictions["sents"]["label"].tolist() for predictions in model.predict(docs)]
    assert sentences == [[int(t.is_sent_start) for t in doc] for doc in docs]
