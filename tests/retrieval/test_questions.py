from __future__ import annotations

import pytest

from cascade import docs as documents
from cascade.data.squad import Article, GoldAnswer, Paragraph, Question
from cascade.retrieval.questions import asked, paragraphs, question_doc
from tests.questions import NLP


def asking(id: str, text: str, context: str = "", *answers: str) -> Question:
    gold = tuple(GoldAnswer(text=answer, start=context.index(answer)) for answer in answers)
    return Question(id=id, text=text, answers=gold)


LAMP = "Mara lit the old lamp at nine. The lamp was hers."
LAMPS = ["The lamp of the harbour is lit by nobody.", "Who lit a lamp? Samara did.", "Lamps are lit at dusk."]
CLOCK = "Clocks tick. A clock that nobody winds does not."


@pytest.fixture
def articles() -> list[Article]:
    questions = (
        asking("a", "Who lit the old lamp?", LAMP, "Mara", "Mara"),
        asking("b", "Who lit the lamp of the harbour?", LAMP),
        asking("c", "What does tick?", LAMP, "."),
    )
    first = [Paragraph(context=LAMP, questions=questions), *(Paragraph(context=text, questions=()) for text in LAMPS)]
    own = asking("d", "What does tick?", CLOCK, "Clocks")
    again = Paragraph(context=LAMP, questions=(asking("e", "When was the old lamp lit?", LAMP, "at nine"),))
    clocks = Paragraph(context=CLOCK, questions=(own,))
    return [Article(title="Lamps", paragraphs=tuple(first)), Article(title="Clocks", paragraphs=(clocks, again))]


def test_a_question_as_a_doc() -> None:
    doc = question_doc(NLP, "Who lit it?", list(paragraphs([])))
    assert [token.text for token in doc] == ["Who", "lit", "it", "?"]
    assert documents.is_question(doc)
    assert documents.answers(doc) is None


def test_paragraphs_are_passages_once_each(articles: list[Article]) -> None:
    found = list(paragraphs(articles))
    assert [p.id for p in found] == ["Lamps#0", "Lamps#1", "Lamps#2", "Lamps#3", "Clocks#4"]
    assert [p.text for p in found] == [LAMP, *LAMPS, CLOCK]
    assert found[0].source == "Lamps"
    assert found[0].origin(5, 8) == (5, 8)


def test_articles_of_one_title_have_passages_of_their_own(articles: list[Article]) -> None:
    alike = [Article(title="", paragraphs=article.paragraphs) for article in articles]
    assert len({p.id for p in paragraphs(alike)}) == 5
    for doc in asked(NLP, alike[1:], negatives=2, pool=alike):
        assert len({p.id for p in doc._.passages}) == len(doc._.passages)


def test_questions_come_with_their_paragraph_and_their_answers(articles: list[Article]) -> None:
    docs = list(asked(NLP, articles))
    assert [doc.user_data["id"] for doc in docs] == ["a", "b", "c", "d", "e"]
    assert [[p.text for p in doc._.passages] for doc in docs] == [[LAMP]] * 3 + [[CLOCK], [LAMP]]
    assert [[a.plain for a in doc._.answers] for doc in docs] == [["Mara", "Mara"], [], ["."], ["Clocks"], ["at nine"]]
    for doc in docs:
        (passage,) = doc._.passages
        for answer in doc._.answers:
            assert (answer.passage, answer.confidence) == (passage.id, 1.0)
            assert passage.text[answer.first : answer.last] == answer.text


def test_hard_negatives_are_like_the_question_and_do_not_hold_its_answer(articles: list[Article]) -> None:
    docs = {doc.user_data["id"]: doc for doc in asked(NLP, articles, negatives=2)}
    texts = {id: [p.text for p in doc._.passages] for id, doc in docs.items()}
    assert texts["a"][0] == LAMP
    assert set(texts["a"][1:]) == {LAMPS[0], LAMPS[2]}, "Samara has the letters of the answer"
    assert texts["b"] == [LAMP], "what others answer is not known of a question without an answer"
    assert CLOCK in texts["c"], "an answer of which nothing is left when normalised stands everywhere"
    assert texts["d"][0] == CLOCK
    assert all(len(own) <= 3 and len(set(own)) == len(own) for own in texts.values())


def test_negatives_may_come_from_other_articles(articles: list[Article]) -> None:
    docs = {doc.user_data["id"]: doc for doc in asked(NLP, articles[1:], negatives=5, pool=articles)}
    assert {p.document for p in docs["e"]._.passages} >= {"Clocks#1", "Lamps#1"} or len(docs["e"]._.passages) > 1
    assert docs["e"]._.passages[0].text == LAMP
    assert len({p.text for p in docs["e"]._.passages}) == len(docs["e"]._.passages)


def test_distant_supervision_marks_every_mention_in_any_paragraph(articles: list[Article]) -> None:
    more = Paragraph(context="At dusk Mara lit it. Samara and Mara's lamp.", questions=())
    articles[0] = Article(title="Lamps", paragraphs=(*articles[0].paragraphs, more))
    doc = next(iter(asked(NLP, articles, negatives=4, distant=True)))
    texts = {passage.id: passage.text for passage in doc._.passages}
    assert LAMP in texts.values() and more.context in texts.values()
    marked = [(texts[a.passage], a.first, a.plain) for a in doc._.answers]
    assert marked.count((LAMP, 0, "Mara")) == 1
    assert {first for text, first, _ in marked if text == more.context} == {8, 32}
    assert {plain for *_, plain in marked} == {"Mara"}
