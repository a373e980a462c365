"""Splitters: where the sentences and the paragraphs of a text stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise

import spacy

from cascade.errors import ConfigError

Splitter = Callable[[str], Iterable[tuple[int, int]]]
"""Gives the spans of a text's sentences in characters, from left to right."""

_SPACE = re.compile(r"\s+")


def sentence_splitter(lang: str = "xx") -> Splitter:
    """A splitter that ends a sentence after its punctuation, by spaCy's `sentencizer`.

    Args:
        lang: spaCy's code of the language, whose tokenizer knows its abbreviations; `xx` for any.

    Raises:
        ConfigError: spaCy does not know the language, or needs a package for it.
    """
    try:
        nlp = spacy.blank(lang)
    except ImportError as error:
        raise ConfigError(f"no sentence splitter for the language {lang!r}: {error}") from error
    sentencizer = nlp.add_pipe("sentencizer")

    def sentences(text: str) -> Iterable[tuple[int, int]]:
        # The tokenizer alone: `nlp` would refuse texts beyond the length that suits a parser.
        doc = sentencizer(nlp.tokenizer(text))
        return [(sentence.start_char, sentence.end_char) for sentence in doc.sents]

    return sentences


def paragraphs(text: str) -> list[tuple[int, int]]:
    """The spans between blank lines, without the white space around them; a splitter that keeps paragraphs whole."""
    gaps = [gap.span() for gap in _SPACE.finditer(text) if gap.group().count("\n") > 1]
    ends = [(0, len(text) - len(text.lstrip())), *gaps, (len(text.rstrip()), len(text))]
    return [(start, end) for (_, start), (end, _) in pairwise(ends) if start < end]
