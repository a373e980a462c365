"""What a Doc carries beyond spaCy's own attributes, and which of its tokens the tasks see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from spacy.attrs import IS_SPACE
from spacy.tokens import Doc

PAIR = "pair"
"""Key of `doc.spans` under which a sentence pair holds its two texts."""
CHUNKS = "chunks"
"""Key of `doc.spans` under which chunks stand."""


def register() -> None:
    """Register `doc._.cascade`; a second call does nothing."""
    if not Doc.has_extension("cascade"):
        Doc.set_extension("cascade", getter=_results)


def _results(doc: Doc) -> dict[str, dict[str, Any]]:
    """`doc._.cascade[pipe][task]`: numpy arrays and plain Python, kept in `doc.user_data` so that Docs stay portable."""
    results: dict[str, dict[str, Any]] = doc.user_data.setdefault("cascade", {})
    return results


def texts(doc: Doc) -> list[np.ndarray]:
    """The texts that an encoder reads, as indices of tokens that are not white space.

    Returns:
        One array for an ordinary Doc, two for a sentence pair.
    """
    words = np.flatnonzero(~spaces(doc))
    if not is_pair(doc):
        return [words]
    return [words[(words >= span.start) & (words < span.end)] for span in doc.spans[PAIR]]


def spaces(doc: Doc) -> np.ndarray:
    """Which tokens are white space. Shape: [tokens of the Doc], bool."""
    flags: np.ndarray = doc.to_array([IS_SPACE]).reshape(-1) != 0
    return flags


def is_pair(doc: Doc) -> bool:
    """Whether the Doc is a sentence pair."""
    return PAIR in doc.spans and len(doc.spans[PAIR]) == 2


def tokens(doc: Doc) -> np.ndarray:
    """Indices of the tokens that token tasks see, in the order of their rows. Shape: [rows]."""
    return np.concatenate(texts(doc))


def write(doc: Doc, attribute: int, values: np.ndarray, *, space: int | np.ndarray = 0, overwrite: bool = True) -> None:
    """Set one attribute of all tokens at once.

    Args:
        doc: The Doc.
        attribute: Attribute id, such as `spacy.attrs.TAG`.
        values: Values of the tokens that tasks see, in the order of `tokens(doc)`. Shape: [rows], uint64.
        space: Value of white-space tokens, or one for each of them.
        overwrite: Whether values that are set already are replaced.
    """
    if len(doc) == 0:
        return
    before = doc.to_array([attribute]).reshape(-1)
    after = before.copy()
    places = tokens(doc)
    after[spaces(doc)] = space
    after[places] = values
    if not overwrite:
        after = np.where(before != 0, before, after)
    doc.from_array([attribute], after.reshape(-1, 1))


def strings(doc: Doc, labels: Iterable[str]) -> np.ndarray:
    """Hashes of labels in the Doc's string store, where they are added. Shape: [labels], uint64."""
    store = doc.vocab.strings
    return np.array([store.add(label) for label in labels], dtype=np.uint64)
