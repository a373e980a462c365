"""SubjQA: questions about reviews, with unanswerable ones (Bjerva et al. 2020, EMNLP)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cascade.data.articles import Asked, articles_of, table
from cascade.data.files import read_lines
from cascade.data.squad import Article, GoldAnswer, Question
from cascade.errors import DataError

_MARK = "ANSWERNOTFOUND"
_COLUMNS = ("item_id", "q_review_id", "question", "review", "human_ans_spans", "human_ans_indices")


def read_subjqa(path: str | Path) -> tuple[Article, ...]:
    """Reads a split of a domain: comma-separated values, one row for each annotator of a question.

    The mark ANSWERNOTFOUND at the end of every review, which annotators chose where nothing else answers, is no part
    of the context. A question has an answer if one of its annotators found one. The file holds answers split into
    words ("does n't"); the text is what the review has at their offsets. Where letters and digits there are not the
    answer's, which was put together of several places, the answer is left out, and with its last one the question.

    Args:
        path: The file, plain or gzipped.

    Returns:
        An article for each item reviewed, titled by its id; a context is a review. A question's id is its
        `q_review_id`.

    Raises:
        DataError: A column is missing, offsets are no pair of numbers in the review, or there is no question.
    """
    asked: dict[tuple[str, str, str], _Asked] = {}
    for number, row in table((f"{line}\n" for _, line in read_lines(path)), _COLUMNS, path=path):
        context = row["review"].removesuffix(_MARK).rstrip()
        key = row["item_id"], context, row["question"].strip()
        own = asked.setdefault(key, _Asked(id=row["q_review_id"]))
        if row["human_ans_spans"].strip() != _MARK:
            found = _answer(row, context, path, number)
            own.answers.append(found) if found else own.problems.append(number)
    return articles_of(_questions(asked), path=path)


@dataclass(kw_only=True)
class _Asked:
    """What annotators said of a question."""

    id: str
    answers: list[GoldAnswer] = field(default_factory=list)
    problems: list[int] = field(default_factory=list)


def _questions(asked: dict[tuple[str, str, str], _Asked]) -> Iterator[Asked]:
    for (title, context, text), own in asked.items():
        if own.answers or not own.problems:
            yield title, context, Question(id=own.id, text=text, answers=tuple(own.answers))


def _answer(row: dict[str, str], context: str, path: str | Path, line: int) -> GoldAnswer | None:
    """The stretch of the review that an annotator marked; None if it is not the answer's text."""
    offsets = re.fullmatch(r"\((\d+), *(\d+)\)", row["human_ans_indices"].strip())
    start, end = map(int, offsets.groups()) if offsets else (0, 0)
    if not start < end <= len(row["review"]):
        message = f"human_ans_indices: expected such as (3, 14), inside the review, got {row['human_ans_indices']!r}"
        raise DataError(f"{message}; mend the row", path=path, line=line)
    text = row["review"][start:end]
    first, text = start + len(text) - len(text.lstrip()), text.strip()
    if not text or first + len(text) > len(context) or _letters(text) != _letters(row["human_ans_spans"]):
        return None
    return GoldAnswer(text=text, start=first)


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())
