"""SQuAD's JSON, v1.1 and v2.0 (Rajpurkar et al. 2016, EMNLP; 2018, ACL): questions answered by spans of a paragraph.

XQuAD, MLQA, PolicyQA and JaQuAD come in this format too; fields that are not named here are passed over.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cascade.data.files import read_lines
from cascade.errors import DataError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class GoldAnswer:
    """An annotated answer.

    Attributes:
        text: Its text, never empty.
        start: Its first character in the paragraph's context; `context[start:end] == text`.
    """

    text: str
    start: int

    @property
    def end(self) -> int:
        """One past its last character in the context."""
        return self.start + len(self.text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question about a paragraph.

    Attributes:
        id: Unique in its file.
        text: The question.
        answers: What annotators marked, one each, so often several times the same; none when it has no answer.
    """

    id: str
    text: str
    answers: tuple[GoldAnswer, ...]

    @property
    def is_impossible(self) -> bool:
        """Whether the paragraph does not answer it."""
        return not self.answers


@dataclass(frozen=True, kw_only=True, slots=True)
class Paragraph:
    """A text and the questions about it."""

    context: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Article:
    """A titled sequence of paragraphs."""

    title: str
    paragraphs: tuple[Paragraph, ...]


def read_squad(path: str | Path, *, titles: Collection[str] | None = None) -> tuple[Article, ...]:
    """Reads a file of articles.

    Args:
        path: The file, plain or gzipped.
        titles: Titles of the articles wanted, such as a part of [`read_split`][cascade.data.squad.read_split]; a title
            that the file lacks is passed over. None for all articles.

    Returns:
        The articles in the order of the file. Unwanted ones are not checked.

    Raises:
        DataError: The file is not JSON or lacks a field; an answer does not stand where its offset says, which counts
            Unicode code points; answers and `is_impossible` contradict each other; a question id comes twice; or
            there is no question.
    """
    data = _field(_load(path), "data", list, _Place(path))
    articles = tuple(_articles(data, titles, path))
    ids = [question.id for _, question in questions(articles)]
    if not ids:
        wanted = "" if titles is None else f" in articles titled {', '.join(sorted(titles)) or 'nothing'}"
        raise DataError(f"expected at least one question{wanted}, got none; is this the right file?", path=path)
    name, times = Counter(ids).most_common(1)[0]
    if times > 1:
        raise DataError(f"question {name}: expected its id once, got it {times} times; make ids unique", path=path)
    return articles


def read_split(path: str | Path) -> dict[str, frozenset[str]]:
    """Reads which articles belong to which part.

    Args:
        path: A JSON file with a list of titles for each part (`train`, `dev`, `test`); other fields are passed over.

    Returns:
        Titles by part.

    Raises:
        DataError: The file is not JSON, has no list of titles, or has a title in two parts.
    """
    content = _load(path)
    lists = content.items() if isinstance(content, dict) else ()
    parts = {name: frozenset(map(str, titles)) for name, titles in lists if isinstance(titles, list)}
    if not parts:
        raise DataError('expected parts with titles, such as {"train": ["A title"], "dev": [...]}, got none', path=path)
    both = {title for a in parts for b in parts if a < b for title in parts[a] & parts[b]}
    if both:
        raise DataError(f"expected each title in one part, got {', '.join(sorted(both))} in two", path=path)
    return parts


def questions(articles: Iterable[Article]) -> Iterator[tuple[Paragraph, Question]]:
    """Yields every question with the paragraph it is about, in order."""
    for article in articles:
        for paragraph in article.paragraphs:
            for question in paragraph.questions:
                yield paragraph, question


def gold_answers(articles: Iterable[Article]) -> dict[str, tuple[str, ...]]:
    """Texts of the gold answers by question id, as `cascade.evaluation.score_answers` takes them."""
    return {question.id: tuple(answer.text for answer in question.answers) for _, question in questions(articles)}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something stands in a file, for messages."""

    path: str | Path
    name: str = ""

    def inside(self, name: str) -> _Place:
        return _Place(self.path, f"{self.name}, {name}" if self.name else name)

    def error(self, message: str) -> DataError:
        return DataError(f"{self.name}: {message}" if self.name else message, path=self.path)


def _load(path: str | Path) -> Any:
    # Joined again, so that an error of the JSON can name its line.
    text = "\n".join(line for _, line in read_lines(path))
    try:
        return json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", None)
        raise DataError(
            f"expected JSON, got something else: {error}; is the file whole?", path=path, line=line
        ) from error


def _articles(data: list[Any], titles: Collection[str] | None, path: str | Path) -> Iterator[Article]:
    for number, content in enumerate(data, start=1):
        place = _Place(path, f"article {number}")
        title = _field(content, "title", str, place)
        if titles is None or title in titles:
            paragraphs = _field(content, "paragraphs", list, place)
            yield Article(title=title, paragraphs=tuple(_paragraphs(paragraphs, place.inside(repr(title)))))


def _paragraphs(contents: list[Any], place: _Place) -> Iterator[Paragraph]:
    for number, content in enumerate(contents, start=1):
        here = place.inside(f"paragraph {number}")
        context = _field(content, "context", str, here)
        asked = [_question(each, context, here) for each in _field(content, "qas", list, here)]
        yield Paragraph(context=context, questions=tuple(asked))


def _question(content: Any, context: str, place: _Place) -> Question:
    name = _field(content, "id", str, place)
    here = place.inside(f"question {name}")
    answers = tuple(_answer(each, context, here) for each in _field(content, "answers", list, here))
    impossible = content.get("is_impossible", not answers)
    if impossible != (not answers):
        message = (
            f"expected answers if and only if it is possible, got {len(answers)} and is_impossible = {impossible!r}"
        )
        raise here.error(f"{message}; mend one of the two")
    return Question(id=name, text=_field(content, "question", str, here), answers=answers)


def _answer(content: Any, context: str, place: _Place) -> GoldAnswer:
    text, start = _field(content, "text", str, place), _field(content, "answer_start", int, place)
    if not text:
        raise place.error("expected the text of an answer, got an empty one; leave `answers` empty where there is none")
    if start < 0 or context[start : start + len(text)] != text:
        found = context.find(text)
        mend = f"it stands at {found}" if found >= 0 else "the context does not have it; copy it exactly"
        raise place.error(f"expected the answer {text!r} at character {start} of the context; {mend}")
    return GoldAnswer(text=text, start=start)


def _field(content: Any, name: str, kind: type[T], place: _Place) -> T:
    value = content.get(name) if isinstance(content, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        got = "nothing" if value is None else repr(value)[:60]
        raise place.error(f"expected the field {name!r} with a {kind.__name__}, got {got}; is this SQuAD's format?")
    return value
