"""Readers for `[corpora]`: called with a pipeline, they give examples to spaCy's trainer and to ours.

A path may be the name of a public data set, such as `ewt/train`; see `cascade.data.downloads`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from random import Random
from typing import Any, Literal

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from cascade.data import downloads, read_columns, read_conllu, read_docbin, read_fdu_mtl, read_sick
from cascade.data.fdu_mtl import Part
from cascade.errors import ConfigError
from cascade.evaluation import bare_copy


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads the Docs of one file.

    Args:
        read: Gives the Docs.
        begin: Share of the Docs that is left out at the beginning.
        end: Share of the Docs at which it ends.

    Raises:
        ConfigError: The shares leave nothing.
    """

    read: Callable[[Language], Iterator[Doc]]
    begin: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.begin < self.end <= 1:
            raise ConfigError(f"a reader needs 0 <= begin < end <= 1, got begin = {self.begin}, end = {self.end}")

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Give the examples: bare tokens beside the gold.

        Raises:
            DataError: The file cannot be read.
        """
        for doc in self._part(nlp):
            yield Example(bare_copy(doc), doc)

    def _part(self, nlp: Language) -> Iterable[Doc]:
        if (self.begin, self.end) == (0, 1):
            return self.read(nlp)
        docs = list(self.read(nlp))
        return docs[int(self.begin * len(docs)) : int(self.end * len(docs))]


@dataclass(frozen=True)
class Corpora:
    """Several corpora as one; each keeps its name in `cascade train`.

    Args:
        parts: Readers by the name of their corpus.
    """

    parts: dict[str, Callable[[Language], Iterator[Example]]]

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Give the examples of all corpora, one corpus after another."""
        return chain.from_iterable(reader(nlp) for reader in self.parts.values())


def corpora(parts: dict[str, Any]) -> Corpora:
    """Several corpora, each of which may carry gold for other tasks.

    Args:
        parts: Readers by the name of their corpus.
    """
    return Corpora(parts)


def conllu(path: str | None, sentences: int = 10, begin: float = 0.0, end: float = 1.0) -> Reader:
    """CoNLL-U; see `cascade.data.read_conllu`.

    Args:
        path: The file.
        sentences: Sentences per Doc.
        begin: See `Reader`.
        end: See `Reader`.
    """
    file = named(path)
    return Reader(
        read=lambda nlp: read_conllu(downloads.resolve(file), vocab=nlp.vocab, sentences=sentences),
        begin=begin,
        end=end,
    )


def columns(
    path: str | None,
    into: Literal["chunks", "ents"] = "chunks",
    word: int = 0,
    label: int = -1,
    tag: int | None = None,
    separator: str | None = None,
    comments: bool = False,
    label_map: dict[str, str | None] | None = None,
    sentences: int = 1,
    boundaries: bool = True,
    skip_malformed: bool = False,
    begin: float = 0.0,
    end: float = 1.0,
) -> Reader:
    """Columns, as in CoNLL-2000; see `cascade.data.read_columns`.

    Args:
        path: The file.
        into: Where segments go: `chunks` or `ents`.
        word: Column of the word.
        label: Column of the segment tags.
        tag: Column of gold part-of-speech tags.
        separator: What stands between columns; None for any white space.
        comments: Whether lines that start with `#` are comments, which also end a sentence.
        label_map: Renames labels; `"O"` makes them outside, null leaves their tokens without annotation.
        sentences: Sentences per Doc.
        boundaries: Whether sentence starts are gold; false for tweets, which may hold several sentences.
        skip_malformed: Whether lines that cannot be read are left out, with one warning that counts them.
        begin: See `Reader`.
        end: See `Reader`.
    """
    file = named(path)

    def read(nlp: Language) -> Iterator[Doc]:
        return read_columns(
            downloads.resolve(file),
            vocab=nlp.vocab,
            into=into,
            word=word,
            label=label,
            tag=tag,
            separator=separator,
            comments=comments,
            label_map=label_map,
            sentences=sentences,
            boundaries=boundaries,
            skip_malformed=skip_malformed,
        )

    return Reader(read=read, begin=begin, end=end)


def sick(path: str | None, begin: float = 0.0, end: float = 1.0) -> Reader:
    """SICK, split into words by the pipeline's tokenizer; see `cascade.data.read_sick`.

    Args:
        path: The file.
        begin: See `Reader`.
        end: See `Reader`.
    """
    file = named(path)
    return Reader(
        read=lambda nlp: read_sick(downloads.resolve(file), vocab=nlp.vocab, tokenizer=nlp.tokenizer),
        begin=begin,
        end=end,
    )


def fdu_mtl(
    path: str | None, domain: str | None = None, part: Part = "all", begin: float = 0.0, end: float = 1.0
) -> Reader:
    """Reviews of a domain, split into words by the pipeline's tokenizer; see `cascade.data.read_fdu_mtl`.

    Args:
        path: The file.
        domain: The domain; the file's name up to the first dot if null.
        part: `train` leaves out the last 200 reviews, `dev` reads these alone.
        begin: See `Reader`.
        end: See `Reader`.
    """
    file = named(path)

    def read(nlp: Language) -> Iterator[Doc]:
        return read_fdu_mtl(downloads.resolve(file), vocab=nlp.vocab, domain=domain, part=part, tokenizer=nlp.tokenizer)

    return Reader(read=read, begin=begin, end=end)


def docbin(path: str | None, begin: float = 0.0, end: float = 1.0) -> Reader:
    """DocBin, spaCy's own format; see `cascade.data.read_docbin`.

    Args:
        path: The file or folder.
        begin: See `Reader`.
        end: See `Reader`.
    """
    file = named(path)
    return Reader(read=lambda nlp: read_docbin(downloads.resolve(file), vocab=nlp.vocab), begin=begin, end=end)


def sample(
    reader: Callable[[Language], Iterator[Example]], share: float, seed: int = 0
) -> Callable[[Language], Iterator[Example]]:
    """A share of the examples of another reader, drawn by chance and always the same, in their order.

    So a model that learns something new can go over a part of what it knows: old data as one of the corpora.

    Args:
        reader: The other reader.
        share: From 0, for a corpus that is evaluated on alone, to 1.
        seed: Of the draw.

    Raises:
        ConfigError: The share is none.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"cascade.Sample.v1 gives a share of the examples, from 0 to 1, got share = {share}")

    def read(nlp: Language) -> Iterator[Example]:
        examples = list(reader(nlp)) if share else []
        chosen = Random(seed).sample(range(len(examples)), round(share * len(examples)))
        return iter([examples[place] for place in sorted(chosen)])

    return read


def named(path: str | None) -> str:
    """The path of a corpus, which a config may leave open.

    Raises:
        ConfigError: It is still open.
    """
    if path is None:
        raise ConfigError("a corpus has no path: set it in [paths], or on the command line, such as --paths.train FILE")
    return path
