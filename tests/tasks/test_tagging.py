from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from spacy.language import Language
from spacy.pipeline.morphologizer import morphologizer_score
from spacy.pipeline.tagger import tagger_score
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

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


@attributes
def test_a_vocabulary_without_flags_knows_white_space_all_the_same(attribute: Any) -> None:
    task = Tagging("tag", attribute=attribute)
    task.vocabulary = tuple(VALUES[attribute])
    doc = Doc(Vocab(), words=["\n", "dogs", " ", "slept"])
    assert not any(token.is_space for token in doc)
    task.annotate(doc, {"label": np.array([1, 2]), "probability": np.ones(2)})
    targets = task.targets(doc)
    assert targets is not None
    assert targets["label"].tolist() == [1, 2]
    space = {"TAG": "_SP", "POS": "SPACE", "MORPH": ""}[attribute]
    assert read(doc, attribute) == [space, VALUES[attribute][1], space, VALUES[attribute][2]]


@attributes
@pytest.mark.parametrize("words", [[], ["\n"], [" ", "\n\n"]])
def test_docs_without_words(attribute: Any, words: list[str]) -> None:
    task, doc = Tagging("tag", attribute=attribute), Doc(Vocab(), words=words)
    task.vocabulary = tuple(VALUES[attribute])
    nothing = np.zeros(0, dtype=np.int64)
    task.annotate(doc, {"label": nothing, "probability": nothing})
    assert task.targets(doc) is None


def test_no_features_are_a_value_and_a_missing_value_is_not() -> None:
    doc = Doc(Vocab(), words=["a", "b", "c"])
    doc[0].set_morph("")
    doc[2].set_morph("Number=Plur")
    task = Tagging("tag", attribute="MORPH")
    task.vocabulary = tuple(task.labels([doc]))
    assert task.vocabulary == ("", "Number=Plur")
    targets = task.targets(doc)
    assert targets is not None
    assert targets["label"].tolist() == [0, MISSING, 1]


def test_only_labels_in_use_enter_the_strings() -> None:
    doc, task = Doc(Vocab(), words=["a"]), Tagging("tag")
    task.vocabulary = ("IN", "OUT")
    task.annotate(doc, {"label": np.array([0]), "probability": np.ones(1)})
    assert "IN" in doc.vocab.strings
    assert "OUT" not in doc.vocab.strings


@attributes
def test_scores_are_spacys_own(attribute: Any, nlp: Language) -> None:
    words = "the dogs \n slept the cats"
    gold = annotated(nlp.make_doc(words), attribute, [VALUES[attribute][i] for i in (0, 1, 2, 0, 1)])
    partial = nlp.make_doc("dogs slept")
    partial[0].set_morph("Number=Plur") if attribute == "MORPH" else setattr(partial[0], NAMES[attribute], "NOUN")
    found = annotated(nlp.make_doc(words), attribute, [VALUES[attribute][i] for i in (0, 1, 1, 0, 2)])
    examples = [Example(found, gold), Example(nlp.make_doc("dogs slept"), partial)]
    theirs = {**tagger_score(examples), **morphologizer_score(examples)}
    key = f"{attribute.lower()}_acc"
    assert 0 < theirs[key] < 1
    assert Tagging("tag", attribute=attribute).score(examples) == {key: theirs[key]}
