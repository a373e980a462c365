from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import spacy
import torch
from spacy.tokens import Doc

from cascade import docs as documents
from cascade.data.fdu_mtl import labels
from cascade.model import CascadeModel
from cascade.nn.encoders.pretrained import MINILM_PACKAGE
from cascade.training import Corpus
from tests.bench import fdu

REVIEWS = {"books": ("a dull plot", "a moving story"), "dvd": ("badly cut", "well played")}

minilm = pytest.mark.skipif(find_spec(MINILM_PACKAGE) is None, reason="the extra `minilm` is not installed")


@pytest.fixture
def reviews() -> dict[str, list[Doc]]:
    nlp, found = spacy.blank("en"), {}
    for domain, texts in REVIEWS.items():
        found[domain] = [nlp.make_doc(text) for text in texts]
        for i, doc in enumerate(found[domain]):
            documents.set_domain(doc, domain)
            doc.cats = {key: float(i == j) for j, key in enumerate(labels(domain))}
    return found


@pytest.mark.parametrize(
    ("method", "domains"), [("single", ["books"]), ("hard", [*REVIEWS]), ("adversarial", [*REVIEWS])]
)
def test_graphs_of_the_methods(method: str, domains: list[str], reviews: dict[str, list[Doc]]) -> None:
    graph = fdu.make_graph("recurrent", method, domains)
    model = CascadeModel(graph).initialize([doc for docs in reviews.values() for doc in docs]).eval()
    own = [name for name in model.labels if name != fdu.ADVERSARY]
    assert own == domains and all(model.labels[domain] == labels(domain) for domain in domains)
    assert 0 <= fdu.accuracy(model, reviews["books"], "books") <= 1


@minilm
def test_a_run_is_not_repeated(reviews: dict[str, list[Doc]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fdu, "PRECISION", "no")  # a process knows one
    corpora = {domain: Corpus(name=domain, train=docs, dev=docs) for domain, docs in reviews.items()}
    once = fdu.run("adversarial", 0, tmp_path, corpora, reviews, encoder="recurrent", epochs=1)
    monkeypatch.setattr(fdu, "train", None)
    assert fdu.run("adversarial", 0, tmp_path, corpora, reviews, encoder="recurrent", epochs=1) == once
    columns = [
        list(column.cells) for column in fdu.table({"hard": [{"a": 0.5, "b": 1.0}, {"a": 0.7, "b": 1.0}]}, "").columns
    ]
    assert columns == [["a", "b", "mean"], ["60.0", "100.0", "80.0"]]


@minilm
def test_vectors_know_what_words_mean() -> None:
    words = ["excellent", "superb", "terrible", "awful", "lamp"]
    vectors = fdu.word_vectors(words, 8)
    assert vectors.shape == (5, 8) and vectors.norm(dim=1).mean().item() == pytest.approx(1)
    alike = torch.nn.functional.normalize(vectors, dim=1)
    nearest = (alike @ alike.T - 2 * torch.eye(5)).argmax(dim=1).tolist()
    assert nearest[:4] == [1, 0, 3, 2]


def test_long_reviews_are_cut(reviews: dict[str, list[Doc]]) -> None:
    doc = fdu.cut(reviews["books"][1], 2)
    assert [t.text for t in doc] == ["a", "moving"] and documents.domain(doc) == "books"
    assert doc.cats == reviews["books"][1].cats
