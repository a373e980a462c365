"""QED: questions of Natural Questions with a passage that answers them, and why (Lamm et al. 2021, TACL)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cascade.data.articles import Asked, articles_of
from cascade.data.files import read_lines
from cascade.data.squad import Article, GoldAnswer, Question
from cascade.errors import DataError


def read_qed(path: str | Path) -> tuple[Article, ...]:
    """Reads questions, passages and answers from JSON lines; the explanations are passed over.

    An annotator may have marked several spans that answer only together; such an answer is left out, and with its last
    one the question.

    Args:
        path: The file, plain or gzipped.

    Returns:
        An article for each title.

    Raises:
        DataError: A line is not JSON or lacks a field, an answer does not stand where its offset says, or there is no
            question with an answer of one span.
    """
    return articles_of(_asked(path), path=path)


def _asked(path: str | Path) -> Iterator[Asked]:
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            title, context = str(entry["title_text"]), str(entry["paragraph_text"])
            answers = tuple(_answer(spans[0], context) for spans in entry["original_nq_answers"] if len(spans) == 1)
            question = Question(id=str(entry["example_id"]), text=str(entry["question_text"]), answers=answers)
        except (ValueError, KeyError, TypeError) as error:
            got = f"no field {error}" if isinstance(error, KeyError) else str(error)
            message = f"expected JSON with a question, a passage and answers, got {got}; is this QED's format?"
            raise DataError(message, path=path, line=number) from error
        if answers:
            yield title, context, question


def _answer(span: dict[str, Any], context: str) -> GoldAnswer:
    text, start = str(span["string"]), int(span["start"])
    if not text or start < 0 or context[start : start + len(text)] != text:
        raise ValueError(f"the answer {text!r}, which does not stand at character {start} of the passage")
    return GoldAnswer(text=text, start=start)
