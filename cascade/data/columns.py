"""One word a line, annotation in columns: CoNLL-2000 chunks, entities of the CoNLL, W-NUT and UNER kind."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from cascade.data.files import grouped, read_blocks, require_any
from cascade.data.iob import OUTSIDE, split_tag, tags_to_spans
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
    boundaries: bool = True,
    skip_malformed: bool = False,
) -> Iterator[Doc]:
    r"""Reads a column file: a word a line, a blank line between sentences.

    The defaults read CoNLL-2000. `into="ents", separator="\t"` reads two-column entities such as those of W-NUT 2017
    and the Broad Twitter Corpus; with `word=1, label=2, comments=True` besides, it reads Universal NER and CoNLL04.

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
        comments: Whether lines that start with `#` are comments, which also end a sentence, as the `#doc` lines of
            CoNLL04 do. In CoNLL-2000 they are words.
        label_map: Renames labels. `"O"` makes tokens of a label outside; None leaves them without annotation, neither
            inside nor outside.
        sentences: How many sentences make one Doc.
        boundaries: Whether sentence starts are gold. False leaves them unknown, as is right for texts that hold several
            sentences, such as tweets.
        skip_malformed: Whether lines that cannot be read are left out, with one warning that counts them.

    Yields:
        Docs with words, segments and, with `boundaries`, sentence starts. Spaces are unknown.

    Raises:
        DataError: A line has other columns than the first one or a tag that cannot be read, or there is no sentence.
        ConfigError: `sentences` is below 1, `into` is not known, or `label_map` gives None for a chunk label.
    """
    renamed = dict(label_map or {})
    _check_options(into, renamed)
    parser = _Parser(path, word, label, tag, separator, comments, skip_malformed)
    found = require_any(parser.sentences(), path=path, expected="at least one sentence")
    for group in grouped(found, sentences):
        doc = _plain_doc(vocab, group, tagged=tag is not None, boundaries=boundaries)
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
    skip_malformed: bool
    width: int | None = None
    malformed: list[str] = field(default_factory=list)

    def sentences(self) -> Iterator[_Sentence]:
        for block in read_blocks(self.path):
            sentence = _Sentence()
            for number, text in block:
                if not (self.comments and text.startswith("#")):
                    self._add(sentence, number, text)
                elif sentence.words:
                    yield sentence
                    sentence = _Sentence()
            if sentence.words:
                yield sentence
        if self.malformed:
            lines = "1 malformed line" if len(self.malformed) == 1 else f"{len(self.malformed)} malformed lines"
            warnings.warn(f"left out {lines}, the first is {self.malformed[0]}", stacklevel=2)

    def _add(self, sentence: _Sentence, number: int, text: str) -> None:
        columns = [column.strip() for column in text.split(self.separator)]
        if columns[0] == _DOCUMENT_MARK:
            return
        if self.width is None:
            self.width = len(columns)
            self._check_columns(number)
        if problem := self._problem(columns):
            self._leave_out(problem, number)
            return
        sentence.words.append(columns[self.word])
        if self.tag is not None:
            sentence.tags.append(columns[self.tag])
        if self.label is not None:
            sentence.segments.append(columns[self.label])

    def _check_columns(self, number: int) -> None:
        width = self.width or 0
        for column in (self.word, self.label, self.tag):
            if column is not None and not -width <= column < width:
                message = f"expected a column {column} (from 0), got {width} columns; name another column or separator"
                raise DataError(message, path=self.path, line=number)

    def _problem(self, columns: Sequence[str]) -> str | None:
        if len(columns) != self.width:
            return f"expected {self.width} columns as in the first line, got {len(columns)}"
        if not columns[self.word]:
            return "the word is empty"
        try:
            split_tag(OUTSIDE if self.label is None else columns[self.label])
        except ValueError as error:
            return f"column {self.label}: {error}"
        return None

    def _leave_out(self, problem: str, number: int) -> None:
        if not self.skip_malformed:
            mend = "mend the line, name other columns or another separator, or skip malformed lines"
            raise DataError(f"{problem}; {mend}", path=self.path, line=number)
        self.malformed.append(f"{self.path}:{number}: {problem}")


def _plain_doc(vocab: Vocab, group: Sequence[_Sentence], *, tagged: bool, boundaries: bool) -> Doc:
    words = [word for sentence in group for word in sentence.words]
    starts = [i == 0 for sentence in group for i in range(len(sentence.words))] if boundaries else None
    tags = [tag for sentence in group for tag in sentence.tags] if tagged else None
    return Doc(vocab, words=words, sent_starts=starts, tags=tags)  # type: ignore[arg-type]


def _annotate(doc: Doc, group: Sequence[_Sentence], into: str, label_map: Mapping[str, str | None]) -> None:
    known: list[Span] = []
    missing: list[Span] = []
    offset = 0
    for sentence in group:
        for start, end, label in tags_to_spans(sentence.segments):
            target = label_map.get(label, label)
            if target == OUTSIDE:
                continue
            span = Span(doc, offset + start, offset + end, label=target or "")
            (missing if target is None else known).append(span)
        offset += len(sentence.words)
    if into == "chunks":
        doc.spans["chunks"] = known
    else:
        doc.set_ents(known, missing=missing)
