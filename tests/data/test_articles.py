from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.data.articles import articles_of, table
from cascade.data.squad import Question, questions
from cascade.errors import DataError


def question(name: str) -> Question:
    return Question(id=name, text=f"{name}?", answers=())


def test_questions_of_a_context_stand_together() -> None:
    asked = [("a", "x", question("1")), ("b", "y", question("2")), ("a", "z", question("3")), ("a", "x", question("4"))]
    articles = articles_of(asked, path="f")
    assert [(article.title, [p.context for p in article.paragraphs]) for article in articles] == [
        ("a", ["x", "z"]),
        ("b", ["y"]),
    ]
    assert [q.id for _, q in questions(articles)] == ["1", "4", "3", "2"]
    with pytest.raises(DataError, match="f: expected at least one question"):
        articles_of([], path="f")


@given(st.lists(st.tuples(*[st.text("ab,\"\r\n' é🕰", max_size=6)] * 3), min_size=1, max_size=4))
def test_a_table_is_read_as_it_was_written(rows: list[tuple[str, str, str]]) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerows([("one", "two", "three"), *rows])
    read = table(io.StringIO(written.getvalue(), newline=""), ("three", "one"), path="f")
    assert [row for _, row in read] == [{"three": c, "one": a} for a, _, c in rows]


def test_a_row_is_found_by_its_last_line() -> None:
    lines = ["one,two\n", "1,2\n", '3,"4\n', '5"\n', "6,7\n"]
    assert [(n, row["two"]) for n, row in table(lines, ["two"], path="f")] == [(2, "2"), (4, "4\n5"), (5, "7")]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "expected a header with one, two, got nothing"),
        ("one,three\n1,2\n", 1, "expected a header with one, two, got one, three"),
        ("one,two\n1,2\n3\n", 3, "expected 2 values as in the header"),
        ("one,two\n1,2,3\n", 2, "expected 2 values as in the header"),
        ('one,two\n1,"2\n', 2, "expected comma-separated values, got unexpected end of data"),
    ],
)
def test_broken_tables(text: str, line: int, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        list(table(text.splitlines(keepends=True), ["one", "two"], path="f"))
    assert (caught.value.path, caught.value.line) == ("f", line)
