from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from cascade import docs as documents
from cascade.errors import TrainingError
from cascade.graph import Hidden, Recurrent, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.tasks import Adversary, Tagging, TextClassification
from cascade.training.regularizers import Orthogonality
from cascade.training.schedules import Step


def domains(docs: list[Doc]) -> list[Doc]:
    for i, doc in enumerate(docs):
        documents.set_domain(doc, ("one", "two")[i % 2])
        doc.cats = {"yes": float(i % 3 == 0), "no": float(i % 3 != 0)}
    return docs


@pytest.fixture
def texts(vocab: Vocab) -> list[Doc]:
    words = ["a b c", "b", "c c a b", "a a", "d c b", "d"]
    tags = {"a": "A", "b": "B", "c": "C", "d": "A"}
    return domains([Doc(vocab, words=w.split(), tags=[tags[x] for x in w.split()]) for w in words])


def model_of(docs: list[Doc], shared: Any = 0, *, private: Any = None) -> CascadeModel:
    layer = Recurrent(3) if private is None else private
    graph = TaskGraph(encoder=Embedding(words=4, characters=3, vocabulary=20, buckets=20, alpha=0.0))
    graph.add(Adversary("adversary", layer=shared, hidden=4))
    graph.add(TextClassification("cats", layer=layer, hidden=4, pool="mean"), after={"adversary": [Hidden()]})
    return CascadeModel(graph).initialize(docs).eval()


def penalty(model: CascadeModel, docs: list[Doc], **settings: Any) -> tuple[float, Any]:
    regularizer = Orthogonality(**settings)
    regularizer.begin(model, sweeps=False)
    batch = model.batch(docs)
    outputs = model(batch, ["cats"])
    return regularizer.penalty(Step(docs, ("cats", "adversary")), batch, outputs).item(), outputs


def means(states: np.ndarray, docs: list[Doc]) -> np.ndarray:
    ends = np.cumsum([len(doc) for doc in docs])
    return np.stack([states[end - len(doc) : end].mean(0) for doc, end in zip(docs, ends, strict=True)])


def test_over_texts_by_hand(texts: list[Doc]) -> None:
    found, outputs = penalty(model_of(texts), texts, strength=0.3)
    s, h = outputs["adversary"].hidden.detach().numpy(), means(outputs["cats"].hidden.detach().numpy(), texts)
    expected = sum((s[:, i] @ h[:, j]) ** 2 for i in range(s.shape[1]) for j in range(h.shape[1]))
    assert found == pytest.approx(0.3 * expected, rel=1e-5)


def test_normalized_by_hand(texts: list[Doc]) -> None:
    found, outputs = penalty(model_of(texts), texts, strength=0.3, normalized=True)
    s, h = outputs["adversary"].hidden.detach().numpy(), means(outputs["cats"].hidden.detach().numpy(), texts)
    s, h = s - s.mean(0), h - h.mean(0)
    s, h = s / np.linalg.norm(s, axis=1, keepdims=True), h / np.linalg.norm(h, axis=1, keepdims=True)
    assert found == pytest.approx(0.3 * np.mean((s.T @ h) ** 2), rel=1e-4)


def test_over_tokens_where_the_shared_states_are_of_tokens(texts: list[Doc]) -> None:
    model = model_of(texts, Recurrent(2))
    found, outputs = penalty(model, texts, strength=1.0)
    s, h = (outputs[name].hidden.detach() for name in ("adversary", "cats"))
    assert len(s) == len(h) == sum(map(len, texts))
    assert found == pytest.approx(float((s.T @ h).square().sum()), rel=1e-5)


def test_only_tasks_of_the_step_count(texts: list[Doc]) -> None:
    model, regularizer = model_of(texts), Orthogonality()
    regularizer.begin(model, sweeps=False)
    batch = model.batch(texts)
    assert regularizer.penalty(Step(texts, ("adversary",)), batch, model(batch, ["adversary"])).item() == 0.0


def test_graphs_that_it_does_not_fit(texts: list[Doc]) -> None:
    model = model_of(texts)
    with pytest.raises(TrainingError, match="no task 'other', the graph has adversary, cats"):
        Orthogonality(shared="other").begin(model, sweeps=False)
    with pytest.raises(TrainingError, match="no task reads 'adversary' by a Hidden edge and has private states"):
        Orthogonality().begin(model_of(texts, private=0), sweeps=False)
    graph = TaskGraph(encoder=Embedding(words=4, characters=3, vocabulary=20, buckets=20))
    graph.add(Adversary("adversary"))
    graph.add(Tagging("tag", layer=Recurrent(3)), after={"adversary": [Hidden(convert="broadcast")]})
    tagger = CascadeModel(graph).initialize(texts)
    with pytest.raises(TrainingError, match="'adversary' has states of text rows, 'tag' of token rows: give"):
        Orthogonality().begin(tagger, sweeps=False)
