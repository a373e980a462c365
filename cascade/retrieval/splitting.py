"""Documents cut into passages, where sentences and paragraphs end."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from cascade.docs import Passage
from cascade.errors import ConfigError
from cascade.retrieval.documents import Document
from cascade.retrieval.sentences import Splitter, paragraphs

# Scripts without spaces: Thai to Burmese, Khmer, kana and Chinese characters.
_SOLID = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_SOLID}]{{1,2}}|[^\s{_SOLID}]{{1,50}}")


@dataclass(frozen=True, kw_only=True)
class Splitting:
    """How files are cut into passages; see `split`.

    Args:
        words: How many words a passage holds at most.
        overlap: How many sentences it shares with the one before, at most.
        lang: Language of the sentences, see [`sentence_splitter`][cascade.retrieval.sentences.sentence_splitter].

    Raises:
        ConfigError: `words` is below 1 or `overlap` below 0.
    """

    words: int = 120
    overlap: int = 1
    lang: str = "xx"

    def __post_init__(self) -> None:
        if self.words < 1 or self.overlap < 0:
            got = f"{self.words} and {self.overlap}"
            raise ConfigError(f"expected 1 or more words and 0 or more sentences of overlap, got {got}")


def split(document: Document, sentences: Splitter, *, words: int = 120, overlap: int = 1) -> Iterator[Passage]:
    """Cuts a document into passages.

    A passage holds whole sentences and ends with a paragraph if that leaves it at least half full. A sentence that
    does not fit is cut between words, halfway so that the pieces overlap too. A word is what stands between spaces; in
    scripts without spaces two characters count as one.

    Args:
        document: The document.
        sentences: Gives the spans of the sentences of one paragraph, as
            [`sentence_splitter`][cascade.retrieval.sentences.sentence_splitter] does.
        words: How many words a passage holds at most.
        overlap: How many sentences a passage shares with the one before, at most; always fewer than it holds.

    Yields:
        Passages in the order of the text, none if there is no word. Together they hold every word.

    Raises:
        ConfigError: `words` is below 1 or `overlap` below 0.
    """
    Splitting(words=words, overlap=overlap)  # checks them
    for number, (start, end) in enumerate(_spans(document.text, sentences, words, overlap)):
        yield Passage(
            id=f"{document.id}#{number}",
            document=document.id,
            text=document.text[start:end],
            source=document.source,
            offsets=document.offsets.slice(start, end),
            page=bisect_right(document.pages, start) or None,
            metadata=document.metadata,
            place=document.place,
        )


def _spans(text: str, sentences: Splitter, limit: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Where the passages of a text begin and end, in characters."""
    found = [match.span() for match in islice(_WORD.finditer(text), limit + 1)]
    if 0 < len(found) <= limit:  # such are most documents of a collection; their sentences need not be found
        yield found[0][0], found[-1][1]
    elif found:
        found, units, breaks = _units(text, sentences)
        size = max(1, limit // 2) if overlap else limit
        for first, last in _pack(_shortened(units, limit, size), breaks, limit, overlap):
            yield found[first][0], found[last - 1][1]


def _units(text: str, sentences: Splitter) -> tuple[list[tuple[int, int]], list[int], set[int]]:
    """The words of a text; the words that begin a sentence, and the number of words; those that begin a paragraph."""
    words: list[tuple[int, int]] = []
    units: set[int] = set()
    breaks: set[int] = set()
    for begin, end in paragraphs(text):
        breaks.add(len(words))
        starts = {begin + start for start, _ in sentences(text[begin:end])}
        for first, last in pairwise(sorted({begin, end} | {start for start in starts if begin < start < end})):
            units.add(len(words))
            words.extend(match.span() for match in _WORD.finditer(text, first, last))
    return words, sorted(units | {len(words)}), breaks


def _shortened(units: Sequence[int], limit: int, size: int) -> list[int]:
    """Units with those of more than `limit` words cut into pieces of `size`."""
    cuts = [range(first, last, size if last - first > limit else last - first) for first, last in pairwise(units)]
    return [start for cut in cuts for start in cut] + [units[-1]]


def _pack(units: Sequence[int], breaks: set[int], limit: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Runs of units that hold at most `limit` words, as their first word and the one after their last."""
    first = end = 0
    while end < len(units) - 1:
        before, end = end, bisect_right(units, units[first] + limit) - 1
        if end < len(units) - 1:
            full = (k for k in range(end, before, -1) if 2 * (units[k] - units[first]) >= limit)
            end = next((k for k in full if units[k] in breaks), end)
        yield units[first], units[end]
        if end < len(units) - 1:
            first = max(first + 1, end - overlap)
            while units[end + 1] - units[first] > limit:  # what is new must fit
                first += 1
