from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from cascade.nn.rows import MISSING
from cascade.tasks import Tagging

VALUES = {
    "TAG": ["DT", "NNS", "VBD"],
    "POS": ["DET", "NOUN", "VERB"],
    "MORPH": ["", "Number=Plur", "Tense=Past|VerbForm=Fin"],
}
NAMES = {"TAG": "tag_", "POS": "pos_", "MORPH": "morph"}
attributes = pytest.mark.parametrize("attribute", list(VALUES))


def annotated(doc: Doc, attribute: str, values: list[str]) -> Doc:
    given = iter(values)
    for token in doc:
        if not token.is_space:
            value = next(given)
            token.set_morph(value) if attribute == "MORPH" else setattr(token, NAMES[attribute], value)
    return doc


def read(doc: Doc, attribute: str) -> list[str]:
    return [str(getattr(token, NAMES[attribute])) for token in doc]


@pytest.fixture
def make(nlp: Language, pair: Callable[..., Doc]) -> Callable[[str], list[Doc]]:
    def make(attribute: str) -> list[Doc]:
        values = VALUES[attribute]
        return [
            annotated(nlp.make_doc("the  dogs \n slept"), attribute, values),
            annotated(pair("dogs slept", "cats slept"), attribute, values[1:] * 2),
            nlp.make_doc(""),
            nlp.make_doc("unknown"),
        ]

    return make


@attributes
def test_labels_are_the_sorted_values(attribute: Any, make: Callable[..., Any]) -> None:
    assert Tagging("tag", attribute=attribute).labels(make(attribute)) == sorted(VALUES[attribute])


@attributes
def test_targets(attribute: Any, nlp: Language, make: Callable[..., Any], built: Callable[..., Any]) -> None:
    docs = make(attribute)
    task = built(Tagging("tag", attribute=attribute), docs=docs).task("tag")
    assert task.targets(docs[0])["label"].tolist() == [0, 1, 2]
    assert task.targets(docs[1])["label"].tolist() == [1, 2, 1, 2]
    assert task.targets(docs[3]) is None
    partial = annotated(nlp.make_doc("dogs slept"), attribute, VALUES[attribute][1:])
    other = {"TAG": "XX", "POS": "INTJ", "MORPH": "Foreign=Yes"}[attribute]
    assert task.targets(annotated(partial, attribute, [VALUES[attribute][1], other]))["label"].tolist() == [1, MISSING]


@attributes
def test_round_trip(attribute: Any, make: Callable[..., Any], perfect: Callable[..., Any]) -> None:
    docs = make(attribute)
    copies, results = perfect(Tagging("tag", attribute=attribute), docs)
    space = {"TAG": "_SP", "POS": "SPACE", "MORPH": ""}[attribute]
    assert read(copies[0], attribute) == [
        VALUES[attribute][0],
        space,
        VALUES[attribute][1],
        space,
        VALUES[attribute][2],
    ]
    assert read(copies[1], attribute) == read(docs[1], attribute)
    assert results[0]["probabilities"] == pytest.approx([1.0] * 3, abs=1e-4)


@attributes
def test_values_that_are_set_stay_without_overwrite(
    attribute: Any, nlp: Language, make: Callable[..., Any], built: Callable[..., Any]
) -> None:
    docs, values = make(attribute), VALUES[attribute]
    task = built(Tagging("tag", attribute=attribute), docs=docs).task("tag")
    label = task.targets(docs[1])["label"]
    doc = nlp.make_doc("dogs slept cats slept")
    doc[0].set_morph(values[2]) if attribute == "MORPH" else setattr(doc[0], NAMES[attribute], values[2])
    task.annotate(doc, {"label": label, "probability": label}, overwrite=False)
    assert read(doc, attribute) == [values[2], values[2], values[1], values[2]]


@attributes
def test_a_small_model_learns_its_docs(
    attribute: Any, make: Callable[..., Any], overfit: Callable[..., Any], predict: Callable[..., Any]
) -> None:
    docs = make(attribute)
    model = overfit(Tagging("tag", attribute=attribute, hidden=16), docs=docs, steps=30)
    examples = [Example(c, d) for c, d in zip(predict(model, docs), docs, strict=True)]
    assert model.task("tag").score(examples) == {f"{attribute.lower()}_acc": 1.0}
    assert model.task("tag").score(examples[2:]) == {f"{attribute.lower()}_acc": None}
