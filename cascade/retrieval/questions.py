"""Questions of data sets as Docs, each with the paragraph that it is about and others that look like it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from spacy.language import Language
from spacy.tokens import Doc

from cascade import docs as documents
from cascade.data.answers import normalize_squad
from cascade.data.squad import Article, Paragraph, Question, questions
from cascade.docs import Passage, passage_of
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
    nlp: Language, articles: Sequence[Article], *, negatives: int = 0, pool: Sequence[Article] = ()
) -> Iterator[Doc]:
    """Questions with their paragraph, their gold answers, and hard negatives.

    Hard negatives are the paragraphs of the highest BM25 score that hold none of the gold answers, not even as a part
    of a word. A question without an answer gets none: what other paragraphs answer is not known.

    Args:
        nlp: Its tokenizer splits the questions.
        articles: The articles.
        negatives: How many paragraphs a question gets beside its own.
        pool: Articles whose paragraphs are negatives; those of the questions when empty.

    Yields:
        Docs; the question's own paragraph comes first. `doc.user_data["id"]` is the question's id.
    """
    own = list(paragraphs(articles))
    found = _negatives(articles, paragraphs(pool or articles), negatives) if negatives else {}
    by_context = {passage.text: passage for passage in own}
    for paragraph, question in questions(articles):
        passage = by_context[paragraph.context]
        doc = question_doc(nlp, question.text, [passage, *found.get(question.id, ())])
        doc.user_data["id"] = question.id
        documents.set_answers(doc, [locate(passage, answer.start, answer.end) for answer in question.answers])
        yield doc


def paragraphs(articles: Iterable[Article]) -> Iterator[Passage]:
    """The different paragraphs of articles as passages."""
    seen: set[str] = set()
    for article in articles:
        for number, paragraph in enumerate(article.paragraphs):
            if paragraph.context not in seen:
                seen.add(paragraph.context)
                yield passage_of(paragraph.context, id=f"{article.title}#{number}", source=article.title)


def _negatives(articles: Sequence[Article], pool: Iterable[Passage], number: int) -> dict[str, list[Passage]]:
    """Hard negatives by question id."""
    asked = [(paragraph, question) for paragraph, question in questions(articles) if question.answers]
    with TemporaryDirectory() as folder:
        added = ((passage.id, "", [passage]) for passage in pool)
        with Index.build(Path(folder) / "index", added, encoder=None) as index:
            hits = index.search_batch([question.text for _, question in asked], SEARCHED)
    return {
        question.id: [hit.passage for hit in own if not _answers(hit.passage, paragraph, question)][:number]
        for (paragraph, question), own in zip(asked, hits, strict=True)
    }


def _answers(passage: Passage, paragraph: Paragraph, question: Question) -> bool:
    """Whether a passage may answer a question: it is the question's own, or holds the words of an answer."""
    text = normalize_squad(passage.text)
    answers = {normalize_squad(answer.text) for answer in question.answers} - {""}
    return passage.text == paragraph.context or any(answer in text for answer in answers)
