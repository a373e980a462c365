"""The shipped English pipeline on the test sets, beside a spaCy pipeline trained on the same treebank.

`CASCADE_DATA=... CASCADE_PEER=... make bench`: the peer is the folder of a spaCy pipeline, such as `spacy train` makes
of the tagger, morphologizer and parser of `spacy init config`. Without it, the bars are what such a pipeline reached.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import spacy
import torch
from spacy.language import Language

import cascade as cs
from cascade.config import shipped
from cascade.data import read_columns, read_conllu
from cascade.data.downloads import find
from cascade.evaluation import bare_copy, evaluate_pipeline, timed_pipe

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not shipped()["en_cascade_sm"].has_weights, reason="no weights are shipped here"),
]

# EWT test, gold tokens, predicted sentences.
PEER = {"tag_acc": 0.934, "pos_acc": 0.941, "dep_uas": 0.835, "dep_las": 0.797, "sents_f": 0.702}


@pytest.fixture(scope="module", autouse=True)
def all_threads() -> Iterator[None]:
    """Speed is measured as users have it, not with the one thread of the other tests."""
    before = torch.get_num_threads()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def report() -> Iterator[dict[str, Any]]:
    """What the tests have measured; printed at the end."""
    measured: dict[str, Any] = {}
    yield measured
    print("\n" + json.dumps(measured, indent=2))


def trees(nlp: Language, *, separator: str | None = None) -> dict[str, float]:
    docs = list(read_conllu(find("ewt/test"), vocab=nlp.vocab))
    found = evaluate_pipeline(nlp, docs, tag_separator=separator).scores
    scores = {key: value for key, value in found.items() if isinstance(value, float)}
    passes = [timed_pipe(nlp, [bare_copy(doc) for doc in docs])[1] for _ in range(3)]
    return {**scores, "words_per_second": sum(map(len, docs)) / min(passes)}


@pytest.fixture(scope="module")
def peer(report: dict[str, Any]) -> dict[str, float]:
    folder = os.environ.get("CASCADE_PEER")
    report["peer on EWT test"] = trees(spacy.load(folder), separator="__") if folder else PEER
    return report["peer on EWT test"]


def test_it_is_ahead_of_the_peer_on_every_column(
    data_folder: Any, report: dict[str, Any], peer: dict[str, float]
) -> None:
    ours = report["en_cascade_sm on EWT test"] = trees(cs.load("en_cascade_sm"))
    behind = {key: (ours[key], peer[key]) for key in PEER if ours[key] <= peer[key]}
    assert not behind


def test_chunks(data_folder: Any, report: dict[str, Any]) -> None:
    nlp = cs.load("en_cascade_sm")
    docs = list(read_columns(find("conll2000/test"), vocab=nlp.vocab))
    score = report["chunk_f on CoNLL-2000 test"] = evaluate_pipeline(nlp, docs).scores["chunk_f"]
    assert score > 0.935


def test_its_folder_is_small() -> None:
    files = [path for path in shipped()["en_cascade_sm"].model.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 20e6
