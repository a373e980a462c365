"""What all tests share: one thread, no network, repeatable examples, and the real data for the benchmarks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Libraries read these when they are imported, so they stand before everything else.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest
import spacy
import torch
from hypothesis import settings
from spacy.tokens import Doc, Span, SpanGroup
from spacy.vocab import Vocab

from cascade.graph import Hidden, Labels, Recurrent, Scheduled, Segments, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Convolutional
from cascade.tasks import Chunking, Parsing, Sentences, Tagging

torch.set_num_threads(1)
settings.register_profile("cascade", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("cascade")


@pytest.fixture(autouse=True)
def seed() -> None:
    """Every test starts from the same torch seed, in whatever order the tests run."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def light() -> Iterator[None]:
    """Trainings draw no curves and wait for no disk, which would be half of what the shortest of them take."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("cascade.training.run.draw_curves", lambda rows, path: True)
        patched.setattr("os.fsync", lambda file: None)
        yield


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of the real data sets, for tests marked `bench`; without it they are skipped."""
    folder = os.environ.get("CASCADE_DATA")
    if not folder:
        pytest.skip("CASCADE_DATA names no folder with the real data")
    return Path(folder)


@pytest.fixture(scope="session")
def vocab() -> Vocab:
    """English, blank."""
    return spacy.blank("en").vocab


@pytest.fixture
def docs(vocab: Vocab) -> list[Doc]:
    """Two Docs of two sentences each, with every annotation that a token task reads."""
    first = ("Mara", "NNP", "PROPN", "Number=Sing", "Mara", 1, "nsubj"), ("mends", "VBZ", "VERB", "", "mend", 1, "ROOT")
    second = ("old", "JJ", "ADJ", "", "old", 1, "amod"), ("clocks", "NNS", "NOUN", "Number=Plur", "clock", 1, "ROOT")
    third = ("They", "PRP", "PRON", "Number=Plur", "they", 1, "nsubj"), ("tick", "VBP", "VERB", "", "tick", 1, "ROOT")
    return [_doc(vocab, [first, second]), _doc(vocab, [third, second, first])]


def _doc(vocab: Vocab, sentences: list[tuple[tuple[Any, ...], ...]]) -> Doc:
    words, tags, pos, morphs, lemmas, heads, deps = zip(*(token for s in sentences for token in s), strict=True)
    first = [i for i, sentence in enumerate(sentences) for _ in sentence]
    heads = [2 * number + head for number, head in zip(first, heads, strict=True)]
    doc = Doc(vocab, words=words, tags=tags, pos=pos, morphs=morphs, lemmas=lemmas, heads=heads, deps=deps)
    doc.spans["chunks"] = SpanGroup(doc, name="chunks", spans=[Span(doc, i, i + 1, label=tags[i][:2]) for i in (0, 3)])
    doc.set_ents([Span(doc, i, i + 1, label="PERSON") for i, word in enumerate(words) if word == "Mara"])
    return doc


@pytest.fixture
def graph() -> TaskGraph:
    """Four tasks over a small encoder, with every kind of edge that token tasks have."""
    encoder = Convolutional(width=12, depth=2, words=4, parts=4, characters=4, vocabulary=50, buckets=50)
    return (
        TaskGraph(encoder=encoder)
        .add(Sentences("sentences", layer=1, hidden=8))
        .add(Tagging("tag", layer=1, hidden=8))
        .add(Chunking("chunk", layer=2, hidden=8), after={"tag": [Hidden(), Labels(width=6)]})
        .add(
            Parsing("parse", layer=Recurrent(6), decoder="selection", hidden=8),
            after={
                "tag": [Labels(width=6, group="labels", source=Scheduled())],
                "chunk": [Hidden(), Labels(width=6, group="labels", source="hard")],
                "sentences": [Segments()],
            },
        )
    )


@pytest.fixture
def model(graph: TaskGraph, docs: list[Doc]) -> CascadeModel:
    """A model of that graph with random weights."""
    return CascadeModel(graph).initialize(docs).eval()
