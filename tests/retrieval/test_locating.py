from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cascade.docs import Offsets, Passage, passage_of
from cascade.docs.offsets import Transcript
from cascade.errors import DataError
from cascade.retrieval.locating import locate


def cleaned(path: str = "page.html") -> tuple[Passage, str]:
    """A passage from which markup is gone and in which an entity is a character."""
    source = "<p>A <b>caf&eacute;</b> in\r\nRome</p>"
    made = Transcript(source)
    made.copy(3, 5)
    made.copy(8, 11)
    made.replace("é", 11, 19)
    made.copy(23, 26)
    made.replace(" ", 26, 28)
    made.copy(28, 32)
    text, offsets = made.finish()
    return Passage(id="d#0", document="d", text=text, source=path, offsets=offsets), source


def gone(name: str) -> str:
    raise DataError("gone", path=name)


def unread(name: str) -> str:
    raise AssertionError("the source need not be read")


def test_what_was_copied_is_told_without_its_source() -> None:
    passage = passage_of("the lamp was lit", id="p", source="lamps")
    answer = locate(passage, 4, 8, confidence=0.5, scores={"read": 2.0}, source=unread)
    assert (answer.text, answer.plain, answer.start, answer.end, answer.first, answer.last) == (
        "lamp",
        "lamp",
        4,
        8,
        4,
        8,
    )
    assert (answer.passage, answer.document, answer.source, answer.page) == ("p", "p", "lamps", None)
    assert (answer.confidence, answer.scores) == (0.5, {"read": 2.0})


def test_what_was_cleaned_is_told_as_it_stands_in_its_source() -> None:
    passage, source = cleaned()
    first = passage.text.index("café")
    answer = locate(passage, first, first + 4, source=lambda name: source)
    assert (answer.text, answer.plain) == ("caf&eacute;", "café")
    assert source[answer.start : answer.end] == answer.text
    first, last = passage.text.index("in"), len(passage.text)
    answer = locate(passage, first, last, source=lambda name: source)
    assert (answer.text, answer.plain) == ("in\r\nRome", "in Rome")


def test_a_source_that_is_gone_or_has_changed_leaves_the_cleaned_text() -> None:
    passage, source = cleaned()
    first = passage.text.index("café")
    for read in (gone, lambda name: "x" + source, lambda name: source[:10], lambda name: ""):
        answer = locate(passage, first, first + 4, source=read)
        assert (answer.text, answer.plain, answer.start, answer.end) == ("café", "café", 8, 19)
    assert locate(passage, first, first + 4).text == "café", "there is no such file"


def test_a_source_is_looked_for_at_its_place_and_then_by_its_name() -> None:
    passage, source = cleaned()
    passage, first = replace(passage, place="/old/page.html"), passage.text.index("café")
    for texts in ({"/old/page.html": source}, {"page.html": source}, {"/old/page.html": "", "page.html": source}):
        asked: list[str] = []

        def read(name: str, texts: dict[str, str] = texts, asked: list[str] = asked) -> str:
            asked.append(name)
            return texts[name] if name in texts else gone(name)

        answer = locate(passage, first, first + 4, source=read)
        assert (answer.text, answer.source) == ("caf&eacute;", "page.html")
        assert asked == ["/old/page.html", "page.html"][: 1 if texts.get("/old/page.html") else 2]


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\r\ntwo")
    passage = Passage(
        id="d#0", document="d", text="one two", source=str(path), offsets=Offsets((0, 3, 4, 7), (0, 3, 5), (3, 5, 8))
    )
    assert locate(passage, 0, 7).text == "one\r\ntwo"


def test_the_page_is_that_of_the_answer() -> None:
    text = "one\ftwo"
    passage = Passage(id="d#0", document="d", text=text, source="d.pdf", offsets=Offsets.identity(7), page=3)
    assert [locate(passage, first, first + 1, source=lambda name: text).page for first in (0, 4)] == [3, 4]


def test_a_span_beyond_the_passage() -> None:
    with pytest.raises(IndexError):
        locate(passage_of("abc"), 1, 4)
