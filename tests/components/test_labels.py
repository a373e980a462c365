from __future__ import annotations

import pytest
import spacy
from spacy.tokens import Doc, Span

from cascade.components import labels
from cascade.errors import LabelError
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Convolutional
from cascade.tasks import Entities, Sentences, Tagging

TAGS = ["O", "B-PER", "I-PER", "E-PER", "S-PER"]


@pytest.fixture
def doc() -> Doc:
    doc = Doc(spacy.blank("en").vocab, words=["Anna", "saw"], tags=["NNP", "VBD"], sent_starts=[True, False])
    doc.set_ents([Span(doc, 0, 1, label="PER")])
    return doc


@pytest.fixture
def model() -> CascadeModel:
    graph = TaskGraph(encoder=Convolutional(width=8, depth=1))
    return CascadeModel(graph.add(Sentences("sentences")).add(Tagging("tag")).add(Entities("ner")))


def test_added_labels_are_those_of_a_fresh_model(model: CascadeModel) -> None:
    added: labels.Added = {}
    assert labels.add(model, "ner", "PER", added)
    assert not labels.add(model, "ner", "PER", added)
    assert labels.readable(model, added) == {"ner": ["PER"]}
    assert labels.vocabularies(model, added) == {"ner": TAGS}
    with pytest.raises(NotImplementedError, match="'sentences' takes no label 'X'"):
        labels.add(model, "sentences", "X", added)


def test_given_labels_go_before_those_of_docs_and_added_ones(model: CascadeModel, doc: Doc) -> None:
    added = {"tag": ["NN"], "ner": ["LOC"]}
    found = labels.collect(model, [doc], added, {"tag": ["XX", "YY"]})
    assert found == {"tag": ["XX", "YY"], "ner": [*TAGS[:1], *(f"{p}-{x}" for x in ("LOC", "PER") for p in "BIES")]}


def test_an_initialized_model_takes_no_label_and_no_name_of_a_class_for_one(model: CascadeModel, doc: Doc) -> None:
    model.initialize([doc])
    assert labels.readable(model, {}) == {"sentences": ("I", "S"), "tag": ("NNP", "VBD"), "ner": ("PER",)}
    assert labels.vocabularies(model, {})["ner"] == TAGS
    for label in ("LOC", "B-PER", "O"):
        with pytest.raises(LabelError, match=f"'ner' does not know the label '{label}' and is initialized"):
            labels.add(model, "ner", label, {})
