"""From a stretch of a passage to the answer that stands in the user's own document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import pairwise

from cascade.docs import Answer, Offsets, Passage
from cascade.errors import CascadeError
from cascade.retrieval.documents import source_text

Source = Callable[[str], str]
"""Gives the text of a source, as [`source_text`][cascade.retrieval.documents.source_text] does."""


def locate(
    passage: Passage,
    first: int,
    last: int,
    *,
    confidence: float = 1.0,
    scores: Mapping[str, float] | None = None,
    source: Source = source_text,
) -> Answer:
    """The answer that a span of a passage gives: `source(answer.source)[answer.start:answer.end] == answer.text`.

    Where the span was copied from its source as it is, the source need not be read. Where it was cleaned (markup, an
    entity, a hyphen at a line's end), the answer's text is read from the source; if that is gone, or has changed since,
    the text is the cleaned one, and `start` and `end` say where it stood.

    Args:
        passage: The passage.
        first: First character of the span in the passage's text.
        last: One past its last character.
        confidence: Probability that the answer is right.
        scores: What each stage gave it.
        source: Gives the text of a source, which is asked for by the passage's `place`, then by its `source`; one that
            remembers them saves reading a file for each of its answers.

    Raises:
        IndexError: The span reaches beyond the passage.
    """
    start, end = passage.origin(first, last)
    plain, offsets = passage.text[first:last], passage.offsets.slice(first, last)
    return Answer(
        text=plain if offsets.verbatim else _written(passage, plain, offsets, slice(start, end), source),
        plain=plain,
        source=passage.source,
        document=passage.document,
        passage=passage.id,
        start=start,
        end=end,
        first=first,
        last=last,
        page=passage.page_at(first),
        confidence=confidence,
        scores=dict(scores or {}),
    )


def _written(passage: Passage, plain: str, offsets: Offsets, place: slice, source: Source) -> str:
    """What stands in the source for a cleaned text; the text itself if the source is gone or no longer the same."""
    pieces = list(zip(pairwise(offsets.begins), offsets.starts, offsets.ends, strict=True))
    for name in filter(None, (passage.place, passage.source)):
        with suppress(CascadeError):
            whole = source(name)
            copied = all(plain[begin:end] == whole[at:to] for (begin, end), at, to in pieces if end - begin > 1)
            if copied and place.stop <= len(whole):
                return whole[place]
    return plain
