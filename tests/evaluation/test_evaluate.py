from __future__ import annotations

import pytest
import spacy
from spacy.tokens import Doc

from cascade import docs as documents
from cascade.evaluation import bare_copy, evaluate, predict_examples, score_tasks
from cascade.graph import Labels, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.tasks.sentences import Sentences
from cascade.tasks.tagging import Tagging

VOCAB = spacy.blank("en").vocab


def tagged(*texts: str) -> list[Doc]:
    """`dog/N barks/V`, one Doc a text."""
    split = [[word.split("/") for word in text.split()] for text in texts]
    return [Doc(VOCAB, words=[w for w, _ in words], tags=[t for _, t in words]) for words in split]


@pytest.fixture
def model() -> CascadeModel:
    """Tags below, sentences above with an edge that would read gold tags at prediction."""
    graph = TaskGraph(encoder=Embedding(words=4, characters=4, vocabulary=8, buckets=8)).add(Tagging("tags"))
    graph.add(Sentences("sents"), after={"tags": [Labels(predict="gold", width=2)]})
    train = [Doc(VOCAB, words=["dog", "barks"], tags=["N", "V"], sent_starts=[True, False])]
    return CascadeModel(graph).initialize(train)


def always(model: CascadeModel, task: str, label: str) -> None:
    """Make a task predict one label whatever it reads."""
    output = model.nodes[task].decoder.output
    output.weight.data.zero_()
    output.bias.data.copy_(10.0 * (output.bias.new_tensor([x == label for x in model.labels[task]])))


def test_accuracy_worked_by_hand_over_docs_of_all_lengths(model: CascadeModel) -> None:
    always(model, "tags", "N")
    docs = tagged("dog/N", "dog/N barks/V dog/N", "", "barks/V barks/V")
    assert evaluate(model, docs, ["tags"]) == {"tag_acc": pytest.approx(3 / 6)}
    assert evaluate(model, docs, ["tags"], words=1) == evaluate(model, docs, ["tags"])


def test_a_task_is_scored_on_the_docs_with_gold_for_it(model: CascadeModel) -> None:
    always(model, "tags", "N")
    always(model, "sents", "S")
    split = Doc(VOCAB, words=["a", "b", "c"], sent_starts=[True, False, True])
    scores = score_tasks(model, [*tagged("dog/N dog/N"), split])
    assert list(scores) == ["tags", "sents"]
    assert scores["tags"] == {"tag_acc": 1.0}
    # predicted: a | b | c; gold: a b | c
    assert scores["sents"] == {
        "sents_p": pytest.approx(1 / 3), "sents_r": pytest.approx(1 / 2), "sents_f": pytest.approx(0.4)
    }  # fmt: skip
    assert list(score_tasks(model, [split])) == ["sents"]
    assert score_tasks(model, []) == {}


def test_predictions_beside_gold_in_the_order_of_the_docs(model: CascadeModel) -> None:
    always(model, "tags", "N")
    docs = tagged("dog/N barks/V dog/N", "dog/N") + [Doc(VOCAB, words=["dog", "barks"], sent_starts=[True, False])]
    found = predict_examples(model, docs)
    assert list(found) == ["tags", "sents"]
    assert [example.reference for example in found["tags"]] == docs[:2]
    assert [[token.tag_ for token in example.predicted] for example in found["tags"]] == [["N"] * 3, ["N"]]
    assert [example.reference for example in found["sents"]] == docs[2:]
    assert list(predict_examples(model, docs, ["tags"])) == ["tags"]


def test_the_docs_are_left_as_they_are_and_gold_is_not_seen(model: CascadeModel) -> None:
    docs = tagged("dog/N barks/V")
    before = docs[0].to_bytes()
    seen: list[Doc] = []
    predict = model.predict
    model.predict = lambda batch, **settings: seen.extend(batch) or predict(batch, **settings)  # type: ignore[method-assign]
    evaluate(model, docs)
    assert docs[0].to_bytes() == before
    assert [doc.text for doc in seen] == ["dog barks "]
    assert not any(doc.has_annotation("TAG") for doc in [bare_copy(docs[0])])


def test_a_bare_copy_keeps_words_spaces_and_the_two_texts_of_a_pair() -> None:
    doc = Doc(VOCAB, words=["It", "'s", "x", ".", "y"], spaces=[False, True, False, True, False], tags=["A"] * 5)
    doc.ents = [doc[0:1]]
    doc.cats = {"ENTAILMENT": 1.0}
    doc.spans["pair"] = [doc[0:4], doc[4:5]]
    doc.spans["chunks"] = [doc[0:2]]
    bare = bare_copy(doc)
    assert bare.text == doc.text
    assert [(span.start, span.end) for span in bare.spans["pair"]] == [(0, 4), (4, 5)]
    assert list(bare.spans) == ["pair"]
    assert not bare.has_annotation("TAG")
    assert (bare.ents, bare.cats) == ((), {})


def test_a_bare_copy_keeps_the_passages_and_what_the_search_said_of_them() -> None:
    doc = Doc(VOCAB, words=["who"])
    documents.set_passages(doc, [documents.passage_of("Mara.")], [3.0])
    documents.set_answers(doc, [])
    bare = bare_copy(doc)
    assert (documents.passages(bare), documents.hit_scores(bare)) == (documents.passages(doc), [3.0])
    assert documents.answers(bare) is None
