"""Questions of data sets as Docs, each with the paragraph that it is about and others that look like it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from spacy.language import Language
from spacy.tokens import Doc

from cascade import docs as documents
from cascade.data.answers import normalize_squad
from cascade.data.distant import distant_mentions
from cascade.data.squad import Article, Paragraph, Question, questions
from cascade.docs import Answer, Passage, passage_of
from cascade.retrieval.index import Index
from cascade.retrieval.locating import locate

SEARCHED = 20
"""Hits among which negatives are looked for."""


def question_doc(nlp: Language, text: str, passages: Sequence[Passage]) -> Doc:
    """A question and the passages in which its answer is looked for.

    Args:
        nlp: Its tokenizer splits the question.
        text: The question.
        passages: The passages.
    """
    documents.register()
    doc = nlp.make_doc(text)
    documents.set_passages(doc, passages)
    return doc


def asked(
    nlp: Language,
    articles: Sequence[Article],
    *,
    negatives: int = 0,
    pool: Sequence[Article] = (),
    distant: bool = False,
) -> Iterator[Doc]:
    """Questions with their paragraph, their gold answers, and hard negatives.

    Hard negatives are the paragraphs of the highest BM25 score that hold none of the gold answers, not even as a part
    of a word. A question without an answer gets none: what other paragraphs answer is not known.

    Args:
        nlp: Its tokenizer splits the questions.
        articles: The articles.
        negatives: How many paragraphs a question gets beside its own.
        pool: Articles whose paragraphs are negatives; those of the questions when empty.
        distant: Whether every mention of an answer in any of the paragraphs is gold, as where only its text is known
            (distant supervision); those of the highest score then come whether or not they hold one.

    Yields:
        Docs; the question's own paragraph comes first. `doc.user_data["id"]` is the question's id.
    """
    by_context = {passage.text: passage for passage in paragraphs([*articles, *pool])}
    others = [by_context[passage.text] for passage in paragraphs(pool or articles)]
    found = _others(articles, others, negatives, distant) if negatives else {}
    for paragraph, question in questions(articles):
        passage = by_context[paragraph.context]
        doc = question_doc(nlp, question.text, [passage, *found.get(question.id, ())])
        doc.user_data["id"] = question.id
        documents.set_answers(doc, list(_mentioned(doc, question) if distant else _annotated(passage, question)))
        yield doc


def _annotated(passage: Passage, question: Question) -> Iterator[Answer]:
    return (locate(passage, answer.start, answer.end) for answer in question.answers)


def _mentioned(doc: Doc, question: Question) -> Iterator[Answer]:
    texts = [answer.text for answer in question.answers]
    for passage in documents.passages(doc):
        yield from (locate(passage, *place) for place in distant_mentions(passage.text, texts))


def paragraphs(articles: Iterable[Article]) -> Iterator[Passage]:
    """The different paragraphs of articles as passages."""
    seen: set[str] = set()
    for article in articles:
        for paragraph in article.paragraphs:
            if paragraph.context not in seen:
                yield passage_of(paragraph.context, id=f"{article.title}#{len(seen)}", source=article.title)
                seen.add(paragraph.context)


def _others(
    articles: Sequence[Article], pool: Iterable[Passage], number: int, distant: bool
) -> dict[str, list[Passage]]:
    """Paragraphs beside a question's own, by question id: hard negatives, or whatever is found."""
    asked = [(paragraph, question) for paragraph, question in questions(articles) if question.answers]
    with TemporaryDirectory() as folder:
        added = ((passage.id, "", [passage]) for passage in pool)
        with Index.build(Path(folder) / "index", added, encoder=None) as index:
            hits = index.search_batch([question.text for _, question in asked], SEARCHED)
    return {
        question.id: [hit.passage for hit in own if not _excluded(hit.passage, paragraph, question, distant)][:number]
        for (paragraph, question), own in zip(asked, hits, strict=True)
    }


def _excluded(passage: Passage, paragraph: Paragraph, question: Question, distant: bool) -> bool:
    """Whether a passage is the question's own, or no negative since it holds the words of an answer."""
    if passage.text == paragraph.context or distant:
        return passage.text == paragraph.context
    text = normalize_squad(passage.text)
    answers = {normalize_squad(answer.text) for answer in question.answers} - {""}
    return any(answer in text for answer in answers)
