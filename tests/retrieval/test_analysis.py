from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import ConfigError
from cascade.retrieval.analysis import LONGEST, Analysis


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The Cat's 3.14 C++", ["the", "cat", "s", "3", "14", "c"]),
        ("Café Über straße", ["cafe", "uber", "strasse"]),
        ("Cafe\u0301 U\u0308ber", ["cafe", "uber"]),  # the accents are characters of their own
        ("ﬁne １２", ["fine", "12"]),
        ("İzmir", ["izmir"]),
        (" \n", []),
        ("a" * (LONGEST + 1) + " b", ["b"]),
        ("half \ud83d a smile", ["half", "a", "smile"]),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert Analysis(stemmer=None).terms(text) == terms


def test_stemmer_and_stop_words() -> None:
    text = "The ferries are crossing"
    assert Analysis().terms(text) == ["the", "ferri", "are", "cross"]
    assert Analysis(stemmer=None, stop_words="english").terms(text) == ["ferries", "crossing"]
    assert Analysis(stemmer="english", stop_words="english").terms(text) == ["ferri", "cross"]
    assert Analysis(stemmer="german").terms("Häuser") == Analysis(stemmer="german").terms("Haus")


def test_settings_come_back() -> None:
    analysis = Analysis(stemmer=None, stop_words="english")
    assert Analysis(**analysis.to_json()) == analysis != Analysis()


@pytest.mark.parametrize("setting", ["stemmer", "stop_words"])
def test_unknown_language(setting: str) -> None:
    with pytest.raises(ConfigError, match="klingon"):
        Analysis(**{setting: "klingon"})


@given(st.text())
def test_any_text_is_fine(text: str) -> None:
    terms = Analysis(stemmer=None).terms(text)
    assert all(terms)
    assert Analysis(stemmer=None).terms(Analysis.prepare(text)) == terms
