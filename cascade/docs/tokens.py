"""Which tokens of a Doc the tasks see, and how their annotation is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from spacy.attrs import IS_SPACE, ORTH
from spacy.lang.lex_attrs import is_space
from spacy.tokens import Doc

from cascade.docs.extensions import is_question, passage_texts
from cascade.docs.passages import words_of

PAIR = "pair"
"""Key of `doc.spans` under which a sentence pair holds its two texts."""
CHUNKS = "chunks"
"""Key of `doc.spans` under which chunks stand."""


def texts(doc: Doc) -> list[np.ndarray]:
    """The texts that an encoder reads, as indices of tokens that are not white space.

    Returns:
        One array for an ordinary Doc, two for a sentence pair.
    """
    return _texts(doc, spaces(doc))


def words(doc: Doc) -> list[list[str]]:
    """The words of the texts that an encoder reads."""
    forms, strings = doc.to_array(ORTH), doc.vocab.strings
    return [[strings[form] for form in forms[text].tolist()] for text in texts(doc)]


def spaces(doc: Doc) -> np.ndarray:
    """Which tokens are white space. Shape: [tokens of the Doc], bool."""
    # The flag is quick to read, but never set where the vocabulary has no function for it, as in a bare `Vocab()`.
    vocab: Any = doc.vocab
    if vocab.lex_attr_getters.get(IS_SPACE) is is_space:
        flags: np.ndarray = doc.to_array(IS_SPACE).astype(bool)
        return flags
    return np.fromiter((token.text.isspace() for token in doc), dtype=bool, count=len(doc))


def is_pair(doc: Doc) -> bool:
    """Whether the Doc is a sentence pair."""
    return PAIR in doc.spans and len(doc.spans[PAIR]) == 2


def tokens(doc: Doc) -> np.ndarray:
    """Indices of the tokens that token tasks see, in the order of their rows. Shape: [rows]."""
    return _tokens(doc, spaces(doc))


def write(doc: Doc, attribute: int, values: np.ndarray, *, space: int | np.ndarray = 0, overwrite: bool = True) -> None:
    """Set one attribute of all tokens at once.

    Args:
        doc: The Doc.
        attribute: Attribute id, such as `spacy.attrs.TAG`.
        values: Values of the tokens that tasks see, in the order of `tokens(doc)`. Shape: [rows], uint64.
        space: Value of white-space tokens, or one for each of them.
        overwrite: Whether values that are set already are replaced.
    """
    before: np.ndarray = doc.to_array(attribute)
    after, blank = before.copy(), spaces(doc)
    after[blank] = space
    after[_tokens(doc, blank)] = values
    assign(doc, [attribute], after if overwrite else np.where(before != 0, before, after))


def assign(doc: Doc, attributes: Sequence[int], values: np.ndarray) -> None:
    """Set attributes of all tokens; spaCy derives sentence boundaries from heads and relations.

    Args:
        doc: The Doc.
        attributes: Attribute ids.
        values: Shape: [tokens of the Doc, attributes], or [tokens of the Doc] for a single one; uint64.
    """
    array: Any = values
    doc.from_array(list(attributes), array)


def lookup(numbers: np.ndarray, value: Callable[[int], int]) -> np.ndarray:
    """Hashes for the numbers of labels: what a function gives for each, called once for those that occur.

    Args:
        numbers: Shape: [rows], int.
        value: Such as `lambda i: doc.vocab.strings.add(labels[i])`, so that only labels in use enter the Doc's strings.

    Returns:
        Shape: [rows], uint64.
    """
    listed = numbers.tolist()
    values = {number: value(number) for number in set(listed)}
    return np.array([values[number] for number in listed], dtype=np.uint64)


def size(doc: Doc) -> int:
    """How many words there are to read: the Doc's own, or those of a question's passages, each with the question."""
    if not is_question(doc):
        return len(doc)
    return sum(len(text) + len(doc) for text in passage_words(doc))


def passage_words(doc: Doc) -> list[list[str]]:
    """The words of a question's passages, which are its texts; see `word_spans`."""
    return [words_of(text) for text in passage_texts(doc)]


def _texts(doc: Doc, blank: np.ndarray) -> list[np.ndarray]:
    places = np.flatnonzero(~blank)
    if not is_pair(doc):
        return [places]
    return [places[(places >= span.start) & (places < span.end)] for span in doc.spans[PAIR]]


def _tokens(doc: Doc, blank: np.ndarray) -> np.ndarray:
    found = _texts(doc, blank)
    return found[0] if len(found) == 1 else np.concatenate(found)
