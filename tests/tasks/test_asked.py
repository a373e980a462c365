from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from spacy.training import Example

from cascade import docs as documents
from cascade.docs import Answer, word_spans
from cascade.evaluation import bare_copy
from cascade.tasks import Reading, Retrieval
from cascade.tasks.asked import ANSWERS, LIMIT, best_answers, covered, mentions, score_best
from tests.questions import BOAT, CLOCK, LAMP, NLP, asked, question


def test_labels_need_a_question_with_gold() -> None:
    assert Retrieval("r").labels(asked()) == ("other", "relevant")
    assert Reading("r").labels(asked()[3:]) == ("start", "end"), "that nothing answers a question is gold too"
    for docs in ([], [NLP.make_doc("plain")], asked()[4:]):
        assert Reading("r").labels(docs) == ()
    answered = NLP.make_doc("no passages")
    documents.set_answers(answered, [])
    assert mentions(answered) is None


def test_mentions_by_passage() -> None:
    assert mentions(question("q", [CLOCK, LAMP], [(1, "mara"), (1, "mara"), (1, "lamp")])) == [[], [(4, 8), (20, 24)]]
    assert mentions(question("q", [CLOCK], [])) == [[]]
    assert mentions(question("q", [], [])) == []
    assert mentions(question("q", [CLOCK])) is None


@given(st.text(st.sampled_from("ab .,"), max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_words_that_a_stretch_touches(text: str, one: int, other: int) -> None:
    first, last = sorted((min(one, len(text)), min(other, len(text))))
    assume(first < last)
    words = word_spans(text)
    touched = [i for i, (start, end) in enumerate(words) if set(range(start, end)) & set(range(first, last))]
    begin, stop = covered(words, first, last)
    assert list(range(begin, stop)) == touched


def spans_of(*spans: tuple[int, int, int]) -> dict[str, np.ndarray]:
    text, first, last = np.array(spans, dtype=np.int64).reshape(-1, 3).T
    return {"text": text, "first": first, "last": last}


def test_answers_are_the_best_spans_and_equal_texts_are_told_once() -> None:
    doc = question("who", [CLOCK, LAMP, BOAT])
    spans = spans_of((0, 0, 1), (1, 5, 5), (2, 5, 5), (2, 7, 8), (0, 2, 2))
    found = best_answers(doc, spans, np.array([0.5, 1.0, 2.0, -1000.0, -np.inf]))
    assert [(a.plain, a.passage, a.scores["total"]) for a in found] == [
        ("mara", "p2", 2.0),
        ("old clocks", "p0", 0.5),
        ("mara slept", "p2", -1000.0),
    ]
    assert [a.confidence for a in found] == pytest.approx([1 / (1 + np.exp(-2.0)), 1 / (1 + np.exp(-0.5)), 0.0])
    assert all(doc._.passages[int(a.passage[1])].text[a.first : a.last] == a.plain == a.text for a in found)
    assert best_answers(doc, spans_of(), np.zeros(0)) == []
    assert best_answers(NLP.make_doc("plain"), spans_of(), np.zeros(0)) == []


def test_no_more_answers_than_a_few() -> None:
    doc = question("q", [" ".join(f"w{i}" for i in range(40))])
    found = best_answers(doc, spans_of(*((0, i, i) for i in range(40))), -np.arange(40.0))
    assert [a.plain for a in found] == [f"w{i}" for i in range(LIMIT)]


def example(best: list[str] | None, gold: list[tuple[int, str]] | None) -> Example:
    reference = question("who", [LAMP, CLOCK], gold)
    predicted = bare_copy(reference)
    if best is not None:
        documents.set_stage(predicted, "read", {ANSWERS: best})
    return Example(predicted, reference)


def test_scores_are_those_of_squad_over_questions_with_an_answer() -> None:
    right, half = example(["Mara", "lamp"], [(0, "mara"), (0, "lamp")]), example(["the lamp was lit"], [(0, "lamp")])
    nothing, unasked = example([], [(0, "lamp")]), example(None, [(0, "lamp")])
    others = [example(["lamp"], []), example(["lamp"], None)]
    assert score_best("read", [right, *others]) == {"read_f1": 1.0, "read_em": 1.0}
    assert score_best("read", [half]) == {"read_f1": pytest.approx(0.5), "read_em": 0.0}
    assert score_best("read", [right, nothing, unasked, half, *others])["read_f1"] == pytest.approx(1.5 / 4)
    assert score_best("read", others) == {"read_f1": None, "read_em": None}
    assert score_best("other", [right]) == {"other_f1": 0.0, "other_em": 0.0}


def test_answers_of_the_source_are_compared_as_they_were_read() -> None:
    made = example(["mara"], [(0, "mara")])
    marked = Answer(
        **{**documents.answers(made.reference)[0].to_json(), "text": "<b>mara</b>"}  # type: ignore[index]
    )
    documents.set_answers(made.reference, [marked])
    assert score_best("read", [made])["read_em"] == 1.0
