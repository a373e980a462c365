from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from cascade.data.iob import split_tag, tags_to_spans

GOLD = [(0, 2, "NP"), (2, 3, "NP"), (4, 5, "VP"), (5, 8, "NP")]
"""w w | w . w | w w w"""

TAGS = st.sampled_from(["O", *(f"{prefix}-{label}" for prefix in "BIES" for label in ("X", "Y-Z"))])


@pytest.mark.parametrize(
    "tags",
    [
        "I-NP I-NP B-NP O I-VP I-NP I-NP I-NP",
        "B-NP I-NP B-NP O B-VP B-NP I-NP I-NP",
        "I-NP E-NP I-NP O I-VP I-NP I-NP I-NP",
        "I-NP E-NP E-NP O E-VP I-NP I-NP E-NP",
        "B-NP E-NP S-NP O S-VP B-NP I-NP E-NP",
        "B-NP L-NP U-NP O U-VP B-NP I-NP L-NP",
    ],
    ids=["IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILUO"],
)
def test_schemes_are_read_alike(tags: str) -> None:
    assert tags_to_spans(tags.split()) == GOLD


@given(st.lists(TAGS, max_size=12))
def test_any_tags_are_read_as_seqeval_does(tags: list[str]) -> None:
    assert tags_to_spans(tags) == [(start, end + 1, label) for label, start, end in get_entities(tags)]


def test_labels_may_hold_hyphens() -> None:
    assert split_tag("B-creative-work") == ("B", "creative-work")
    assert split_tag("O") == ("O", "")


@pytest.mark.parametrize("tag", ["", "B", "B-", "-NP", "X-NP", "NP", "o", "BI-NP"])
def test_broken_tags(tag: str) -> None:
    with pytest.raises(ValueError, match="expected a tag"):
        tags_to_spans(["O", tag])
