from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.answering import Answering, Candidates, answers
from cascade.docs import Answer, Offsets, Passage, passage_of
from cascade.errors import DataError
from cascade.retrieval import Documents, source_text, split
from cascade.retrieval.locating import locate
from tests.retrieval.files import written

characters = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("🎾𝒜é渡 \r\n\t&<")
texts = st.lists(st.text(characters, max_size=9) | st.sampled_from([". ", "\r\n\r\n", "word ", "R&D"]), max_size=9).map(
    "".join
)


def passages(path: Path) -> Iterator[Passage]:
    """Windows of three words that overlap by a sentence."""
    for document in Documents(path):
        yield from split(document, lambda text: [m.span() for m in re.finditer(r"[^.]+\.?", text)], words=3, overlap=1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents")


@pytest.mark.parametrize("suffix", [".txt", ".md", ".jsonl", ".csv", ".html", ".pdf"])
@given(text=texts, data=st.data())
def test_an_answer_stands_where_it_says(place: Path, suffix: str, text: str, data: st.DataObject) -> None:
    """The promise: `source[start:end] == answer.text`, whatever the format."""
    path = place / f"file{suffix}"
    path.write_bytes(written(text, suffix))
    for passage in passages(path):
        first = data.draw(st.integers(0, len(passage.text) - 1))
        last = data.draw(st.integers(first + 1, len(passage.text)))
        answer = locate(passage, first, last)
        source = source_text(answer.source)
        assert source[answer.start : answer.end] == answer.text != ""
        assert answer.plain == passage.text[first:last]
        assert (answer.first, answer.last, answer.passage, answer.document) == (
            first,
            last,
            passage.id,
            passage.document,
        )
        if suffix not in (".html", ".pdf"):
            assert answer.text == answer.plain
        if suffix == ".pdf" and not answer.plain[0].isspace():
            assert answer.page == 1 + source.count("\f", 0, answer.start)
        assert Answer.from_json(json.loads(json.dumps(answer.to_json()))) == answer


def unread(name: str) -> str:
    raise AssertionError(f"{name} was read")


def test_a_copy_is_not_read() -> None:
    answer = locate(passage_of("The red ferry.", id="a.txt"), 4, 13, source=unread, confidence=0.5, scores={"read": 2})
    assert (answer.text, answer.start, answer.end, answer.page) == ("red ferry", 4, 13, None)
    assert (answer.confidence, answer.scores) == (0.5, {"read": 2})


CLEANED = Passage(
    id="p#0",
    document="p",
    text="Run R&D here.",
    source="p.html",
    offsets=Offsets((0, 5, 6, 13), (3, 8, 13), (8, 13, 20)),
)
"""Of <p>Run R&amp;D here."""


def given_source(text: str) -> Callable[[str], str]:
    return {"p.html": text}.__getitem__


def gone(name: str) -> str:
    raise DataError("there is no such file or row any more", path=name)


def test_a_cleaned_span_is_read_from_its_source() -> None:
    answer = locate(CLEANED, 4, 7, source=given_source("<p>Run R&amp;D here."))
    assert (answer.text, answer.plain, answer.start, answer.end) == ("R&amp;D", "R&D", 7, 14)


@pytest.mark.parametrize(
    "source",
    [gone, given_source("<p>Two new lines of R&amp;D here."), given_source("<p>Run R&amp;D"), given_source("")],
)
def test_a_source_that_is_gone_or_has_changed(source: Callable[[str], str]) -> None:
    answer = locate(CLEANED, 0, 13, source=source)
    assert answer.text == answer.plain == "Run R&D here."
    assert (answer.start, answer.end) == (3, 20)
    assert locate(CLEANED, 5, 6, source=given_source("<p>Run R")).text == "&"  # nothing of it was copied


def test_no_span_of_the_passage() -> None:
    with pytest.raises(IndexError, match="expected a slice of 13 characters, got 4:14"):
        locate(CLEANED, 4, 14, source=gone)


def test_the_answers_of_a_decision() -> None:
    found = [passage_of("The ferry is red."), CLEANED]
    made = Candidates(
        passage=np.array([1, 0, 0]),
        first=np.array([4, 13, 4]),
        last=np.array([7, 16, 9]),
        texts=("R&D", "red", "ferry"),
        scores={"read": np.array([1.0, 3.0, 2.0]), "null": np.zeros(3)},
    )
    decision = Answering().decide(made)
    best, second, third = answers(decision, found, top=5, source=given_source("<p>Run R&amp;D here."))
    assert [best.text, second.text, third.text] == ["red", "ferry", "R&amp;D"]
    assert best.confidence == decision.groups[0].confidence > second.confidence
    assert best.scores == {"read": 3, "null": 0, "fused": 3}
    assert (best.passage, third.passage) == ("passage", "p#0")
    json.dumps([best.to_json(), third.to_json()])
    assert [answer.text for answer in answers(decision, found, source=unread)] == ["red"]
    refused = Answering().decide(Candidates(**{**vars(made), "scores": {"read": np.full(3, -9.0)}}))
    assert answers(refused, found, top=5, source=unread) == []
