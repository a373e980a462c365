"""Segment tags (B-NP, I-NP, O, ...) as spans.

The common schemes are read alike (IOB1, IOB2, IOE1, IOE2, IOBES, BILUO), by the boundary rules of `conlleval`, the
scorer of CoNLL-2000 (Tjong Kim Sang & Buchholz 2000).
"""

from __future__ import annotations

from collections.abc import Iterable

TaggedSpan = tuple[int, int, str]
"""First token, end (exclusive), label."""

OUTSIDE = "O"
_OPENING = frozenset("BSU")
_CLOSING = frozenset("ESLU")
_PREFIXES = frozenset("BIESLU")


def split_tag(tag: str) -> tuple[str, str]:
    """Splits a tag into prefix and label: `B-NP` into `("B", "NP")`, `O` into `("O", "")`.

    Raises:
        ValueError: The tag is neither `O` nor a known prefix, a hyphen and a label.
    """
    if tag == OUTSIDE:
        return OUTSIDE, ""
    prefix, hyphen, label = tag.partition("-")
    if prefix not in _PREFIXES or not hyphen or not label:
        raise ValueError(f"expected a tag like O, B-NP or I-NP, got {tag!r}")
    return prefix, label


def tags_to_spans(tags: Iterable[str]) -> list[TaggedSpan]:
    """Reads the tags of one sentence as labelled spans, in order.

    Raises:
        ValueError: As [`split_tag`][cascade.data.iob.split_tag].
    """
    spans: list[TaggedSpan] = []
    inside = False
    for i, tag in enumerate(tags):
        prefix, label = split_tag(tag)
        if prefix == OUTSIDE:
            inside = False
            continue
        if inside and prefix not in _OPENING and spans[-1][2] == label:
            spans[-1] = (spans[-1][0], i + 1, label)
        else:
            spans.append((i, i + 1, label))
        inside = prefix not in _CLOSING
    return spans
