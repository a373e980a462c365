from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import ConfigError
from cascade.retrieval import paragraphs, sentence_splitter


def test_sentences() -> None:
    text = "Dr. Vane was here. Was she?  Yes! 🎾 done"
    spans = sentence_splitter("en")(text)
    assert [text[start:end].strip() for start, end in spans] == ["Dr. Vane was here.", "Was she?", "Yes!", "🎾 done"]


def test_texts_longer_than_a_parser_takes() -> None:
    text = "A. " * 400_000
    assert len(text) > 1_000_000
    assert sum(1 for _ in sentence_splitter()(text)) >= 1


def test_no_text() -> None:
    assert list(sentence_splitter()("")) == []


def test_unknown_language() -> None:
    with pytest.raises(ConfigError, match="no sentence splitter for the language 'tlh'"):
        sentence_splitter("tlh")


def test_paragraphs() -> None:
    text = "\n one\r\ntwo \r\n \r\nthree\n\n\n\tfour \n"
    assert [text[start:end] for start, end in paragraphs(text)] == ["one\r\ntwo", "three", "four"]


@given(st.text("ab \n\r\t\f🎾\u2029"))
def test_paragraphs_leave_out_white_space_alone(text: str) -> None:
    spans = paragraphs(text)
    assert "".join("".join(text[start:end] for start, end in spans).split()) == "".join(text.split())
    for start, end in spans:
        assert text[start:end] == text[start:end].strip() != ""
    # The oracle: a paragraph is a run of lines that are not blank.
    runs = groupby(text.split("\n"), key=lambda line: bool(line.strip()))
    assert len(spans) == sum(filled for filled, _ in runs)
