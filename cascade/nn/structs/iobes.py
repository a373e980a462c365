"""The IOBES tag scheme: chunks that do not overlap, written as one tag per token.

B, I and E begin, continue and end a chunk of several tokens; S is a chunk of one; O lies outside. Against BIO the
scheme makes both ends of a chunk visible (Ratinov and Roth 2009, where it is called BILOU).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cascade.errors import DataError, LabelError

Chunk = tuple[int, int, str]
"""Start (inclusive), end (exclusive), label."""

_PREFIXES = "BIES"


class Allowed(NamedTuple):
    """Which tag sequences are legal.

    Attributes:
        transitions: Boolean ``[C, C]``; ``transitions[i, j]`` says whether tag ``j`` may follow tag ``i``.
        starts: Boolean ``[C]``; tags that may come first.
        ends: Boolean ``[C]``; tags that may come last.
    """

    transitions: NDArray[np.bool_]
    starts: NDArray[np.bool_]
    ends: NDArray[np.bool_]


class Iobes:
    """Tags for the chunks of some labels, and the way from chunks to tags and back.

    Args:
        labels: The chunk labels; their order fixes the order of the tags.

    Raises:
        LabelError: If a label is given twice.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        repeated = sorted({label for label in self.labels if self.labels.count(label) > 1})
        if repeated:
            raise LabelError(f"Chunk labels must be distinct, but these came twice: {repeated}. Remove the copies.")
        self.tags = ("O", *(f"{prefix}-{label}" for label in self.labels for prefix in _PREFIXES))
        self._parts = (("O", ""), *((prefix, label) for label in self.labels for prefix in _PREFIXES))
        self._first = {label: 1 + len(_PREFIXES) * i for i, label in enumerate(self.labels)}

    @cached_property
    def allowed(self) -> Allowed:
        """The legal sequences: what was begun is continued or ended under the same label."""
        prefixes = np.array([prefix for prefix, _ in self._parts])
        labels = np.array([label for _, label in self._parts])
        inside, continues = np.isin(prefixes, ["B", "I"]), np.isin(prefixes, ["I", "E"])
        stays = inside[:, None] & continues & (labels[:, None] == labels)
        return Allowed(stays | (~inside[:, None] & ~continues), ~continues, ~inside)

    def encode(self, chunks: Iterable[Chunk], length: int) -> NDArray[np.int64]:
        """Write chunks as tags.

        Args:
            chunks: The chunks, in any order.
            length: Number of tokens.

        Returns:
            Tag indices ``[length]``.

        Raises:
            LabelError: If a chunk has a label that the scheme does not know.
            DataError: If a chunk is empty, leaves the sequence or overlaps another.
        """
        tags = np.zeros(length, dtype=np.int64)
        for start, end, label in chunks:
            if label not in self._first:
                known = ", ".join(self.labels) or "none"
                raise LabelError(f"Unknown chunk label {label!r} at tokens {start}:{end}; known labels: {known}.")
            if not 0 <= start < end <= length or tags[start:end].any():
                raise DataError(
                    f"Chunk {label} at tokens {start}:{end} cannot be tagged: chunks must hold a token, lie inside "
                    f"0:{length} and not overlap. Filter the chunks first (for example spacy.util.filter_spans)."
                )
            first = self._first[label]
            tags[start:end] = first + 1
            tags[start], tags[end - 1] = first, first + 2
            if end - start == 1:
                tags[start] = first + 3
        return tags

    def decode(self, tags: Iterable[int]) -> list[Chunk]:
        """Read chunks from tags, well-formed or not.

        Ill-formed sequences are repaired as the CoNLL scorer (conlleval) repairs them: I or E continues a chunk only
        when the tag before is B or I with the same label, otherwise it begins one; a chunk lasts until its E or S, or
        until a tag that does not continue it.

        Args:
            tags: Tag indices.

        Returns:
            The chunks from left to right; they never overlap.
        """
        chunks: list[Chunk] = []
        start, before = 0, ("O", "")
        position = -1
        for position, tag in enumerate(np.asarray(tags).tolist()):
            prefix, label = self._parts[tag]
            if before[0] in "BI" and not (prefix in "IE" and label == before[1]):
                chunks.append((start, position, before[1]))
            if prefix in "BS" or (prefix in "IE" and not (before[0] in "BI" and label == before[1])):
                start = position
            if prefix in "ES":
                chunks.append((start, position + 1, label))
            before = (prefix, label)
        if before[0] in "BI":
            chunks.append((start, position + 1, before[1]))
        return chunks
