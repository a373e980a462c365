"""What the readers of question sets share: tables with a header, and articles put together from questions."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cascade.data.squad import Article, Paragraph, Question
from cascade.errors import DataError

Asked = tuple[str, str, Question]
"""The title of an article, a context in it, and a question about that."""


def articles_of(asked: Iterable[Asked], *, path: str | Path) -> tuple[Article, ...]:
    """Puts questions together that share a context, and contexts that share a title, in the order of their first.

    Args:
        asked: The questions.
        path: Name of their file, for messages.

    Raises:
        DataError: There is no question.
    """
    titles: dict[str, dict[str, list[Question]]] = {}
    for title, context, question in asked:
        titles.setdefault(title, {}).setdefault(context, []).append(question)
    if not titles:
        raise DataError("expected at least one question, got none; is this the right file?", path=path)
    return tuple(
        Article(
            title=title,
            paragraphs=tuple(Paragraph(context=text, questions=tuple(own)) for text, own in contexts.items()),
        )
        for title, contexts in titles.items()
    )


def table(lines: Iterable[str], columns: Sequence[str], *, path: str | Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the rows of comma-separated values with a header.

    Args:
        lines: The lines with their ends; a quoted value may go over several.
        columns: The columns that the header must have; others are passed over.
        path: Name of the file, for messages.

    Yields:
        The number of the last line of a row, and its values by column.

    Raises:
        DataError: A column is missing, a row has fewer values than the header or more, or a quotation mark has no end.
    """
    reader = csv.DictReader(lines, strict=True)
    try:
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            got = ", ".join(reader.fieldnames or ()) or "nothing"
            message = f"expected a header with {', '.join(columns)}, got {got[:200]}; is this the right file?"
            raise DataError(message, path=path, line=1)
        for row in reader:
            if None in row or None in row.values():
                message = f"expected {len(reader.fieldnames or ())} values as in the header, got others; mend the row"
                raise DataError(message, path=path, line=reader.line_num)
            yield reader.line_num, {name: row[name] for name in columns}
    except csv.Error as error:
        message = f"expected comma-separated values, got {error}; does a quotation mark that begins here have an end?"
        raise DataError(message, path=path, line=reader.line_num + 1) from error
