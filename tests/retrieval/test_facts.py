from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import ConfigError
from cascade.retrieval.facts import Where, conditions, facts, holds
from tests.retrieval.made import passage

PASSAGE = passage("a#0", "text", page=3, lang="en", year=2001, share=0.5, draft=False, source="shadowed")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, True),
        ({}, True),
        ({"lang": "en"}, True),
        ({"lang": "de"}, False),
        ({"lang": ["de", "en"]}, True),
        ({"lang": []}, False),
        ({"lang": "en", "year": 2001}, True),
        ({"lang": "en", "year": 2002}, False),
        ({"year": 2001.0}, True),
        ({"year": "2001"}, False),
        ({"draft": False}, True),
        ({"draft": 0}, False),  # true and false are no numbers
        ({"share": 0.5}, True),
        ({"unknown": 1}, False),
        ({"document": "a", "source": "a.txt", "page": 3}, True),
        ({"source": "shadowed"}, False),
    ],
)
def test_conditions(where: Where | None, expected: bool) -> None:
    assert holds(PASSAGE, conditions(where)) is expected


def test_values_of_other_kinds_are_refused() -> None:
    with pytest.raises(ConfigError, match="'year'.*NoneType"):
        conditions({"year": [None]})  # type: ignore[list-item]


@given(st.text(), st.text())
def test_facts_are_short_and_distinct(a: str, b: str) -> None:
    first, second = facts(passage("a#0", "", key=a)), facts(passage("a#0", "", key=b))
    assert (first == second) is (a == b)
    assert all(len(fact) == 32 for fact in first)
