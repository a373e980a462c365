from __future__ import annotations

import json

import spacy
from spacy.tokens import Doc

from cascade import docs as documents
from cascade.docs import Answer, passage_of
from tests.questions import question

NLP = spacy.blank("en")
ANSWER = Answer(
    text="<b>a</b>",
    plain="a",
    source="s",
    document="d",
    passage="p",
    start=3,
    end=11,
    first=0,
    last=1,
    scores={"x": 1.0},
)


def test_registering_twice_does_nothing() -> None:
    documents.register()
    documents.register()
    doc = NLP("who")
    assert (doc._.passages, doc._.answers, doc._.cascade) == ([], None, {})


def test_a_question_has_passages_if_only_none() -> None:
    documents.register()
    doc = NLP("who")
    assert not documents.is_question(doc)
    doc._.passages = []
    assert documents.is_question(doc)
    doc._.passages = [passage_of("one", id="a"), passage_of("two", id="b")]
    assert doc._.passages == [passage_of("one", id="a"), passage_of("two", id="b")]
    assert documents.passage_texts(doc) == ["one", "two"]


def test_no_answer_and_no_knowledge_of_one_differ() -> None:
    documents.register()
    doc = NLP("who")
    doc._.answers = []
    assert doc._.answers == []
    doc._.answers = [ANSWER]
    assert doc._.answers == [ANSWER]
    doc._.answers = None
    assert doc._.answers is None
    doc._.answers = None
    assert "cascade_answers" not in doc.user_data


def test_an_answer_as_plain_values() -> None:
    assert Answer.from_json(json.loads(json.dumps(ANSWER.to_json()))) == ANSWER


def test_what_stages_have_found() -> None:
    doc = NLP("who")
    assert documents.stage(doc, "read") == {}
    documents.set_stage(doc, "read", {"answers": ["a"]})
    documents.set_stage(doc, "retrieve", {"scores": [1.0]})
    documents.set_stage(doc, "read", {"answers": []})
    assert documents.stage(doc, "read") == {"answers": []}
    assert documents.stage(doc, "retrieve") == {"scores": [1.0]}


def test_words_to_read() -> None:
    doc = NLP("who lit it")
    assert documents.size(doc) == 3
    documents.set_passages(doc, [passage_of("the lamp."), passage_of("")])
    assert documents.passage_words(doc) == [["the", "lamp", "."], []]
    assert documents.size(doc) == (3 + 3) + 3
    documents.set_passages(doc, [])
    assert documents.size(doc) == 0
    assert documents.size(Doc(NLP.vocab)) == 0


def test_other_passages_have_other_scores() -> None:
    doc = question("Where?", ["A boat.", "A lamp."])
    documents.set_passages(doc, documents.passages(doc), [8.0, 2.0])
    assert (documents.hit_scores(doc), documents.search_scores(doc)) == ([8.0, 2.0], [1.0, 0.25])
    documents.set_passages(doc, documents.passages(doc)[:1])
    assert (documents.hit_scores(doc), documents.search_scores(doc)) == (None, [0.0])


def test_scores_of_the_search_are_relative_to_the_best() -> None:
    doc = question("Where?", ["A boat.", "A lamp."])
    assert documents.search_scores(doc) == [0.0, 0.0]
    documents.set_stage(doc, documents.SEARCH, {"scores": [8.0, 2.0]})
    assert documents.search_scores(doc) == [1.0, 0.25]
    documents.set_stage(doc, documents.SEARCH, {"scores": [0.0, 0.0]})
    assert documents.search_scores(doc) == [0.0, 0.0]
    assert documents.search_scores(question("Where?", [])) == []


def test_a_domain_is_known_or_not() -> None:
    documents.register()
    doc = NLP("a text")
    assert doc._.domain is None
    doc._.domain = "books"
    assert Doc(NLP.vocab).from_bytes(doc.to_bytes())._.domain == "books"
    documents.set_domain(doc, None)
    assert documents.domain(doc) is None
