"""From text to the terms that lexical retrieval counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from unicodedata import normalize

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from cascade.errors import ConfigError

LONGEST = 255
"""Longer terms, in bytes, are left out: encoded attachments, not words."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """How a text becomes terms: runs of letters and digits, without accents, in lower case.

    Args:
        stemmer: Language of the stemmer, such as `german`; words are kept as they are when None.
        stop_words: Language whose stop words are left out; all words count when None, since what is frequent weighs
            little anyway and some names are made of stop words.

    Raises:
        ConfigError: There is no stemmer or no list of stop words for that language.
    """

    stemmer: str | None = "english"
    stop_words: str | None = None
    analyzer: TextAnalyzer = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(LONGEST))
        builder = builder.filter(Filter.ascii_fold()).filter(Filter.lowercase())
        try:
            if self.stop_words:
                builder = builder.filter(Filter.stopword(self.stop_words))
            if self.stemmer:
                builder = builder.filter(Filter.stemmer(self.stemmer))
        except ValueError as error:
            raise ConfigError(f"{self}: {error}; name a language in English, as in 'english' or 'german'") from error
        object.__setattr__(self, "analyzer", builder.build())

    def terms(self, text: str) -> list[str]:
        """The terms of a text, in order."""
        return self.analyzer.analyze(self.prepare(text))

    @staticmethod
    def prepare(text: str) -> str:
        """The text in one form of Unicode, so that an accent is one with its letter; lone surrogates become `?`."""
        return normalize("NFKC", text).encode("utf8", "replace").decode("utf8")

    def to_json(self) -> dict[str, str | None]:
        """The settings as plain values; `Analysis(**...)` reads them."""
        return {"stemmer": self.stemmer, "stop_words": self.stop_words}
