"""One word a line, annotation in columns: CoNLL-2000 chunks, entities of the CoNLL, W-NUT and UNER kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from cascade.data.files import Line, grouped, read_blocks, require_any
from cascade.data.iob import split_tag, tags_to_spans
from cascade.errors import ConfigError, DataError

_DOCUMENT_MARK = "-DOCSTART-"


@dataclass(slots=True)
class _Sentence:
    words: list[str] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


def read_columns(
    path: str | Path,
    *,
    vocab: Vocab,
    into: Literal["chunks", "ents"] = "chunks",
    word: int = 0,
    label: int | None = -1,
    tag: int | None = None,
    separator: str | None = None,
    comments: bool = False,
    label_map: Mapping[str, str | None] | None = None,
    sentences: int = 1,
) -> Iterator[Doc]:
    r"""Reads a column file: a word a line, a blank line between sentences.

    The defaults read CoNLL-2000. `into="ents", separator="\t"` reads two-column entities such as W-NUT 2017;
    with `word=1, label=2, comments=True` besides, it reads Universal NER.

    Args:
        path: The file, plain or gzipped.
        vocab: The vocabulary of the Docs.
        into: Where the segments go: `doc.spans["chunks"]` or `doc.ents`.
        word: Column of the word, from 0; negative ones count from the end.
        label: Column of the segment tags, in any scheme that [`cascade.data.iob`][cascade.data.iob] reads;
            None for a file without annotation.
        tag: Column to read into `token.tag_`, as gold; None leaves it out, as is right for the automatic tags of
            CoNLL-2000.
        separator: What stands between columns; None for any white space.
        comments: Whether lines that start with `#` are comments. In CoNLL-2000 they are words.
        label_map: Renames labels; one that maps to None leaves its tokens without annotation, neither inside nor
            outside.
        sentences: How many sentences make one Doc.

    Yields:
        Docs with words, sentence starts and segments. Spaces are unknown.

    Raises:
        DataError: A line has other columns than the first one or a tag that cannot be read, or there is no sentence.
        ConfigError: `sentences` is below 1, `into` is not known, or `label_map` gives None for a chunk label.
    """
    renamed = dict(label_map or {})
    _check_options(into, renamed)
    parser = _Parser(path, word, label, tag, separator, comments)
    found = require_any(parser.sentences(), path=path, expected="at least one sentence")
    for group in grouped(found, sentences):
        doc = _plain_doc(vocab, group, tagged=tag is not None)
        if label is not None:
            _annotate(doc, group, into, renamed)
        yield doc


def _check_options(into: str, label_map: Mapping[str, str | None]) -> None:
    if into not in ("chunks", "ents"):
        raise ConfigError(f"into must be 'chunks' or 'ents', got {into!r}")
    if into == "chunks" and None in label_map.values():
        raise ConfigError(
            "label_map gives None for a chunk label, but only entities can be left open; name a label instead"
        )


@dataclass(slots=True)
class _Parser:
    path: str | Path
    word: int
    label: int | None
    tag: int | None
    separator: str | None
    comments: bool
    width: int | None = None

    def sentences(self) -> Iterator[_Sentence]:
        for block in read_blocks(self.path):
            sentence = _Sentence()
            for line in block:
                self._add(sentence, line)
            if sentence.words:
                yield sentence

    def _add(self, sentence: _Sentence, line: Line) -> None:
        number, text = line
        if self.comments and text.startswith("#"):
            return
        columns = [column.strip() for column in text.split(self.separator)]
        if columns[0] == _DOCUMENT_MARK:
            return
        self._check_width(columns, number)
        sentence.words.append(columns[self.word])
        if self.tag is not None:
            sentence.tags.append(columns[self.tag])
        if self.label is not None:
            sentence.segments.append(self._segment(columns[self.label], number))

    def _check_width(self, columns: Sequence[str], number: int) -> None:
        if self.width is None:
            self.width = len(columns)
            self._check_columns(number)
        if len(columns) != self.width:
            message = f"expected {self.width} columns as in the first line, got {len(columns)}; mend line or separator"
            raise DataError(message, path=self.path, line=number)
        if not columns[self.word]:
            raise DataError("the word is empty; mend the line", path=self.path, line=number)

    def _check_columns(self, number: int) -> None:
        width = self.width or 0
        for column in (self.word, self.label, self.tag):
            if column is not None and not -width <= column < width:
                message = f"expected a column {column} (from 0), got {width} columns; name another column or separator"
                raise DataError(message, path=self.path, line=number)

    def _segment(self, tag: str, number: int) -> str:
        try:
            split_tag(tag)
        except ValueError as error:
            message = f"column {self.label}: {error}; mend the line or name another column"
            raise DataError(message, path=self.path, line=number) from error
        return tag


def _plain_doc(vocab: Vocab, group: Sequence[_Sentence], *, tagged: bool) -> Doc:
    words = [word for sentence in group for word in sentence.words]
    starts = [i == 0 for sentence in group for i in range(len(sentence.words))]
    tags = [tag for sentence in group for tag in sentence.tags] if tagged else None
    return Doc(vocab, words=words, sent_starts=starts, tags=tags)  # type: ignore[arg-type]


def _annotate(doc: Doc, group: Sequence[_Sentence], into: str, label_map: Mapping[str, str | None]) -> None:
    known: list[Span] = []
    missing: list[Span] = []
    offset = 0
    for sentence in group:
        for start, end, label in tags_to_spans(sentence.segments):
            target = label_map.get(label, label)
            span = Span(doc, offset + start, offset + end, label=target or "")
            (missing if target is None else known).append(span)
        offset += len(sentence.words)
    if into == "chunks":
        doc.spans["chunks"] = known
    else:
        doc.set_ents(known, missing=missing)
