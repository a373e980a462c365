from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from cascade import docs as documents
from cascade.data.fdu_mtl import labels
from cascade.errors import GraphError, LabelError, TrainingError
from cascade.graph import Hidden, Recurrent, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.nn.encoders import Recurrent as RecurrentEncoder
from cascade.nn.rows import MISSING
from cascade.registry import graph_from_config, graph_to_config
from cascade.tasks import Adversary, TextClassification
from cascade.testing import check_task
from cascade.training import Batches, Corpus, Trainer, optimizers, schedules
from cascade.training.regularizers import Orthogonality

TEXTS = {
    "books": {"a dull plot": 0, "a moving story": 1, "the plot is a bore": 0, "what a fine book": 1},
    "pans": {"the handle broke": 0, "it fries so well": 1, "burnt and broken": 0, "a fine solid pan": 1},
}


@pytest.fixture
def reviews(nlp: Language) -> dict[str, list[Doc]]:
    """Reviews by domain."""
    documents.register()
    return {domain: [review(nlp, domain, *item) for item in texts.items()] for domain, texts in TEXTS.items()}


def review(nlp: Language, domain: str, text: str, label: int) -> Doc:
    doc = nlp.make_doc(text)
    doc._.domain = domain
    doc.cats = {key: float(i == label) for i, key in enumerate(labels(domain))}
    return doc


def shared_private(**settings: Any) -> TaskGraph:
    """A shared LSTM under the adversary, a private one for every domain."""
    embedding = Embedding(words=6, characters=6, vocabulary=50, buckets=50, alpha=0.0)
    graph = TaskGraph(encoder=RecurrentEncoder(embedding=embedding, width=5, depth=1, dropout=0.0))
    graph.add(Adversary("adversary", layer=1, hidden=8, **settings))
    for domain in TEXTS:
        task = TextClassification(domain, layer=Recurrent(3), hidden=8, classes=labels(domain))
        graph.add(task, after={"adversary": [Hidden()]})
    return graph


def every(reviews: dict[str, list[Doc]]) -> list[Doc]:
    return [doc for docs in reviews.values() for doc in docs]


def test_it_keeps_the_contract_of_tasks(reviews: dict[str, list[Doc]]) -> None:
    check_task(Adversary("adversary"), every(reviews))


def test_labels_and_targets_are_domains(nlp: Language, reviews: dict[str, list[Doc]], pair: Any) -> None:
    task = Adversary("adversary")
    assert task.labels([nlp.make_doc("x"), *every(reviews)]) == ["books", "pans"]
    task.vocabulary = ("books", "pans")
    both = pair("one", "two")
    both._.domain = "pans"
    assert [task.targets(doc) for doc in (nlp.make_doc("x"), review(nlp, "hats", "x", 0))] == [None, None]
    assert [task.targets(doc)["label"].tolist() for doc in (reviews["books"][0], both)] == [[0], [1, 1]]  # type: ignore[index]
    assert task.blank(2)["label"].tolist() == [MISSING, MISSING]


def test_a_guess_never_replaces_a_domain(nlp: Language, reviews: dict[str, list[Doc]]) -> None:
    model = CascadeModel(shared_private()).initialize(every(reviews)).eval()
    known, unknown = reviews["pans"][0], nlp.make_doc("a book")
    for doc, found in zip((known, unknown), model.predict([known, unknown]), strict=True):
        model.task("adversary").annotate(doc, found["adversary"])
    assert known._.domain == "pans" and unknown._.domain in TEXTS
    task = model.task("adversary")
    assert task.score([Example(unknown, known)])["adversary_acc"] == float(unknown._.domain == "pans")
    assert task.score([Example(known, nlp.make_doc("x"))]) == {"adversary_acc": None}


def gradients(model: CascadeModel, docs: Sequence[Doc], task: str) -> dict[str, torch.Tensor | None]:
    loss = model.losses(model.batch(docs, targets=[task]), [task])[task]
    named = dict(model.named_parameters())
    return dict(zip(named, torch.autograd.grad(loss, list(named.values()), allow_unused=True), strict=True))


def test_the_shared_layer_goes_against_the_adversary_and_with_the_task(reviews: dict[str, list[Doc]]) -> None:
    model = CascadeModel(shared_private(strength=0.25)).initialize(every(reviews)).eval()
    adversarial = gradients(model, every(reviews), "adversary")
    decoder = model.node("adversary").decoder
    decoder.strength = -1.0  # type: ignore[assignment]  # the reversal undone
    plain = gradients(model, every(reviews), "adversary")
    for name, gradient in plain.items():
        if gradient is not None:
            factor = -0.25 if name.startswith("encoder.") else 1.0
            torch.testing.assert_close(adversarial[name], factor * gradient)
    classifier = gradients(model, reviews["books"], "books")
    assert classifier["encoder.layers.0.ahead.0.weight_ih_l0"].any()  # type: ignore[union-attr]
    assert all(g is None for name, g in classifier.items() if name.startswith("nodes.adversary."))


def test_a_downstream_task_reads_the_pooled_shared_states(reviews: dict[str, list[Doc]]) -> None:
    model = CascadeModel(shared_private()).initialize(every(reviews)).eval()
    batch = model.batch(every(reviews))
    outputs = model(batch, ["books"])
    rows = batch.rows["token"]
    shared = model.encoder.advance(model.encoder.embed(batch.features["apart"], rows), 1).read(1)
    torch.testing.assert_close(outputs["adversary"].hidden, rows.pad(shared, float("-inf")).amax(1))
    assert model.node("books").decoder.hidden.in_features == 2 * 3 + 2 * 5  # type: ignore[union-attr]


def test_what_makes_no_sense_is_found_before_training(reviews: dict[str, list[Doc]], tmp_path: Path) -> None:
    for settings in ({"strength": 0.0}, {"ramp": 0}, {"pool": "last"}):
        with pytest.raises(GraphError, match=next(iter(settings))):
            Adversary("adversary", **settings)  # type: ignore[arg-type]
    graph = TaskGraph(encoder=Embedding(words=4, characters=4, vocabulary=20, buckets=20))
    with pytest.raises(LabelError, match="'adversary' tells domains apart, got books alone: set doc._.domain"):
        CascadeModel(graph.add(Adversary("adversary"))).initialize(reviews["books"])
    trainer = Trainer(CascadeModel(graph), corpora=[Corpus(train=every(reviews))], console=Console(quiet=True))
    with pytest.raises(TrainingError, match="the graph has no task for it to be one of"):
        trainer.fit(tmp_path / "run")


def test_the_graph_is_a_config(reviews: dict[str, list[Doc]]) -> None:
    graph = shared_private(ramp=3)
    again = graph_from_config(graph_to_config(graph))
    assert again.task("adversary") == graph.task("adversary") and again.task("books") == graph.task("books")


def test_shared_private_training_learns_by_heart(reviews: dict[str, list[Doc]], tmp_path: Path) -> None:
    model = CascadeModel(shared_private(ramp=10))
    trainer = Trainer(
        model,
        corpora=[Corpus(name=domain, train=docs, dev=docs) for domain, docs in reviews.items()],
        schedule=schedules.Joint(batches=Batches(words=100)),
        optimizer=optimizers.Adam(rate=0.02),
        regularizers=[Orthogonality(strength=0.01)],
        epochs=30,
        evaluate_every=15,
        average=None,
        console=Console(quiet=True),
    )
    scores = trainer.fit(tmp_path / "run")
    assert scores["cats_score"] == 1.0 and 0 <= scores["adversary_acc"] <= 1
