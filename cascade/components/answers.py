"""Answers on Docs: how the pipe of question answering writes them, and how they are scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from cascade import docs as documents
from cascade.answering.questions import Answers
from cascade.evaluation import means, score_answers

ANSWERS = "answers"
"""Key of `doc.spans` under which the answers to questions stand that were asked of the Doc."""
METRICS = ("f1", "em", "has_answer_f1", "no_answer_accuracy")

AnswerScorer = Callable[..., dict[str, Any]]


def write_answers(doc: Doc, found: Answers) -> None:
    """Set `doc._.answers` of a question, and `doc._.passages` where these were searched.

    Args:
        doc: The question.
        found: Its answers.
    """
    if not documents.is_question(doc):
        documents.set_passages(doc, [hit.passage for hit in found.hits], [hit.score for hit in found.hits])
    documents.set_answers(doc, found)


def write_spans(doc: Doc, asked: Sequence[Answers]) -> None:
    """Set `doc.spans["answers"]`; answers to other questions than these stay there.

    Args:
        doc: The document.
        asked: Answers to questions, whose `start` and `end` count in `doc.text`.
    """
    questions = {each.question for each in asked}
    spans = [(span, score) for span, score in scored_spans(doc) if span.label_ not in questions]
    for each in asked:
        spans += [(span, answer.confidence) for answer in each if (span := _span(doc, answer, each.question))]
    scores = np.array([score for _, score in spans])
    doc.spans[ANSWERS] = SpanGroup(doc, name=ANSWERS, attrs={"scores": scores}, spans=[span for span, _ in spans])


def _span(doc: Doc, answer: documents.Answer, question: str) -> Span | None:
    """The tokens that an answer touches."""
    return doc.char_span(answer.start, answer.end, label=question, alignment_mode="expand")


def scored_spans(doc: Doc) -> list[tuple[Span, float]]:
    """The spans of `doc.spans["answers"]` and how sure they are; 1 where nothing is said of it, as of gold."""
    if ANSWERS not in doc.spans:
        return []
    group = doc.spans[ANSWERS]
    return list(zip(group, group.attrs.get("scores", np.ones(len(group))).tolist(), strict=True))


def make_answer_scorer() -> AnswerScorer:
    """The scorer of the pipe of question answering."""
    return score_answered


def score_answered(examples: Iterable[Example], **_: Any) -> dict[str, Any]:
    """Exact match and F1 of the best answers, as SQuAD counts them.

    Gold are `doc._.answers` of questions, and of documents `doc.spans["answers"]`, labelled with their questions.

    Args:
        examples: Predicted and gold Docs; those without gold are passed over.
        _: What spaCy hands to every scorer.

    Returns:
        `answers_f1`, `answers_em`, `answers_has_answer_f1` and `answers_no_answer_accuracy`; None where no question
        tells.
    """
    pairs = dict(enumerate(pair for example in examples for pair in _pairs(example)))
    predictions = {str(number): text for number, (text, _) in pairs.items()}
    found = means(score_answers(predictions, {str(number): gold for number, (_, gold) in pairs.items()}))
    return {f"answers_{metric}": found.get(metric) for metric in METRICS}


def _pairs(example: Example) -> Iterator[tuple[str, list[str]]]:
    """The best answer to each question, empty for none, and the gold ones."""
    gold = documents.answers(example.reference)
    if gold is not None:
        yield _best([answer.plain for answer in documents.answers(example.predicted) or ()]), [a.plain for a in gold]
    if ANSWERS in example.reference.spans:
        right, given = (_by_question(doc) for doc in (example.reference, example.predicted))
        for question in dict.fromkeys([*right, *given]):
            yield _best(given.get(question, [])), right.get(question, [])


def _by_question(doc: Doc) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for span, _ in scored_spans(doc):
        texts.setdefault(span.label_, []).append(span.text)
    return texts


def _best(texts: Sequence[str]) -> str:
    return next(iter(texts), "")
