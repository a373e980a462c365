from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from cascade.errors import GraphError
from cascade.graph import Hidden, Labels, Recurrent
from cascade.tasks import Entailment, Relatedness

LABELS = ("CONTRADICTION", "ENTAILMENT", "NEUTRAL")


def gold(label: str) -> dict[str, float]:
    return {name: float(name == label) for name in LABELS}


@pytest.fixture
def docs(nlp: Language, pair: Callable[..., Doc]) -> list[Doc]:
    single = nlp.make_doc("no pair")
    single.cats = gold("NEUTRAL")
    return [
        pair("a dog runs", "an animal moves", **gold("ENTAILMENT"), relatedness=4.5),
        pair("an animal moves", "a dog runs", **gold("NEUTRAL"), relatedness=3.5),
        pair("a dog runs", "no dog runs", **gold("CONTRADICTION"), relatedness=3.0),
        single,
        pair("no", "label", relatedness=1.0),
        pair("only", "", NEUTRAL=1.0),
    ]


def test_labels_are_fixed_and_sorted() -> None:
    assert tuple(Entailment("ent").labels([])) == LABELS == tuple(sorted(LABELS))


def test_targets(docs: list[Doc], built: Callable[..., Any]) -> None:
    task = built(Entailment("ent"), docs=docs).task("ent")
    found = [task.targets(doc) for doc in docs]
    assert [t and t["label"].tolist() for t in found] == [[1], [2], [0], None, None, [2]]


def test_round_trip(docs: list[Doc], perfect: Callable[..., Any]) -> None:
    copies, results = perfect(Entailment("ent"), docs)
    for i in (0, 1, 2):
        expected = {label: docs[i].cats[label] for label in LABELS}
        assert copies[i].cats == pytest.approx(expected, abs=1e-4)
        assert results[i]["probabilities"] == pytest.approx(list(expected.values()), abs=1e-4)
    assert (copies[3].cats, results[3]) == ({}, {})


def test_the_loss_is_the_cross_entropy_of_pairs_with_gold(docs: list[Doc], built: Callable[..., Any]) -> None:
    model = built(Entailment("ent"), docs=docs)
    batch = model.batch(docs, targets=["ent"])
    output = model(batch, ["ent"])["ent"]
    logits = output.scores["logits"][[0, 1, 2, 4]]
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([1, 2, 0, 2]))
    torch.testing.assert_close(model.task("ent").loss(output, batch.targets["ent"]), expected)


def test_accuracy(pair: Callable[..., Doc]) -> None:
    task = Entailment("ent")
    task.vocabulary = LABELS
    found = pair("a", "b", CONTRADICTION=0.2, ENTAILMENT=0.5, NEUTRAL=0.3)
    examples = [Example(found, pair("a", "b", **gold(label))) for label in ("ENTAILMENT", "NEUTRAL", "ENTAILMENT")]
    assert task.score([*examples, Example(found, pair("a", "b"))]) == {"entailment_acc": pytest.approx(2 / 3)}
    assert task.score([Example(found, pair("a", "b"))]) == {"entailment_acc": None}


@pytest.mark.parametrize("edges", [[], [Hidden(), Labels(width=8)]])
def test_a_small_model_learns_its_docs(
    edges: list[Any], docs: list[Doc], overfit: Callable[..., Any], predict: Callable[..., Any]
) -> None:
    tasks = [Entailment("ent", hidden=16, layer=Recurrent(16))]
    if edges:
        tasks.insert(0, Relatedness("rel", hidden=16, layer=Recurrent(16)))  # type: ignore[arg-type]
    model = overfit(*tasks, docs=docs, steps=40, **({"ent": {"rel": edges}} if edges else {}))
    copies = predict(model, docs)
    scores = model.task("ent").score([Example(c, d) for c, d in zip(copies, docs, strict=True)])
    assert scores == {"entailment_acc": 1.0}


def test_relatedness_reaches_entailment_and_gold_can_take_its_place(docs: list[Doc], built: Callable[..., Any]) -> None:
    tasks = Relatedness("rel", hidden=8), Entailment("ent", hidden=8)
    model = built(*tasks, docs=docs, ent={"rel": [Labels(width=4)]}).train()
    model.losses(model.batch(docs, targets=["ent"]), ["ent"])["ent"].backward()
    assert model.nodes["rel"].decoder.output.weight.grad.abs().sum() > 0
    own, given = (model.predict(docs[:3], tasks=["ent"], given=names) for names in ([], ["rel"]))
    assert not (own[0]["ent"]["probability"] == given[0]["ent"]["probability"]).all()


@pytest.mark.parametrize("wrong", [{"view": "joint"}, {"pool": "median"}])
def test_words_that_settings_do_not_know(wrong: dict[str, Any]) -> None:
    ((name, word),) = wrong.items()
    with pytest.raises(GraphError, match=rf"Entailment\('ent'\) has no {name}='{word}': choose one of"):
        Entailment("ent", **wrong)
