"""CoNLL-U, the format of Universal Dependencies, read by its syntactic words.

Format: <https://universaldependencies.org/format.html> (Nivre et al. 2020, "Universal Dependencies v2", LREC). The
other direction is [`cascade.data.conllu_writer`][cascade.data.conllu_writer].
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import numpy as np
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from cascade.data.files import Line, grouped, read_blocks, read_lines, require_any
from cascade.data.iob import OUTSIDE, split_tag, tags_to_spans
from cascade.errors import DataError

ROOT = "ROOT"
"""What spaCy calls the relation that the data call `root`; `spacy convert` and the Scorer do the same."""

CHUNK, ENTITY = "Chunk", "NE"
"""Keys of MISC under which chunks and entities stand, as IOB2 tags."""

UPOS = "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X"
"""The part-of-speech tags of Universal Dependencies."""

_UPOS = frozenset(UPOS.split())
_WIDTH = 10
_FEATS = 5
_ID = re.compile(r"(\d+)(?:([-.])(\d+))?", re.ASCII)
_FEATURES = re.compile(r"[^=|]+=[^=|]+(\|[^=|]+=[^=|]+)*")


@dataclass(frozen=True, slots=True)
class _Word:
    line: int
    form: str
    lemma: str
    upos: str
    xpos: str
    feats: str
    head: int | None  # position in the sentence from 0, itself for the root, None if missing
    deprel: str
    space: bool
    chunk: str | None
    entity: str | None


_Sentence = list[_Word]


def read_conllu(path: str | Path, *, vocab: Vocab, sentences: int = 10) -> Iterator[Doc]:
    """Reads a CoNLL-U file, `sentences` consecutive sentences a Doc, wherever the file's documents begin.

    A Doc holds the syntactic words. A multi-word token (`1-2`) gives its words the spacing, no space inside and its
    own after the last; its surface form, the empty nodes (`8.1`), enhanced dependencies and comments are passed over.
    UPOS becomes POS, XPOS TAG, and the relation `root` becomes `ROOT` as in `spacy convert`. MISC may hold `Chunk=B-NP`
    and `NE=B-PER`, which become `doc.spans["chunks"]` and `doc.ents`.

    `_` is missing annotation, except in FEATS where the file has features at all: there it says that the word has none;
    and except for the lemma of the word `_`.

    Args:
        path: The file, plain or gzipped.
        vocab: The vocabulary of the Docs.
        sentences: How many sentences make one Doc; the last Doc may have fewer.

    Yields:
        Docs with the annotation that the file has. Between the sentences of a Doc there is always a space.

    Raises:
        DataError: A line or tree that the format does not allow, or no sentence at all.
        ConfigError: `sentences` is below 1.
    """
    featured = _has_features(path)
    found = require_any(_sentences(path), path=path, expected="at least one sentence")
    for group in grouped(found, sentences):
        yield _doc(vocab, group, featured=featured)


def _has_features(path: str | Path) -> bool:
    lines = (text.split("\t") for _, text in read_lines(path) if not text.startswith("#"))
    return any(len(columns) == _WIDTH and columns[_FEATS] != "_" for columns in lines)


def _sentences(path: str | Path) -> Iterator[_Sentence]:
    for block in read_blocks(path):
        rows = [line for line in block if not line[1].startswith("#")]
        sentence = _sentence(rows, path)
        if sentence:
            _check_tree(sentence, path)
            yield sentence


def _sentence(rows: Sequence[Line], path: str | Path) -> _Sentence:
    sentence: _Sentence = []
    token_end, token_space = 0, True
    for number, text in rows:
        try:
            columns = _columns(text)
            kind, value = _identifier(columns[0], expected=len(sentence) + 1)
            if kind == "-":
                token_end, token_space = value, _space_after(columns[9])
            elif kind == "":
                word = _word(columns, number)
                if value <= token_end:
                    word = replace(word, space=token_space and value == token_end)
                sentence.append(word)
        except ValueError as error:
            raise DataError(str(error), path=path, line=number) from error
    if token_end > len(sentence):
        message = f"expected words up to the multi-word token's end {token_end}, got {len(sentence)}; mend its range"
        raise DataError(message, path=path, line=rows[-1][0])
    return sentence


def _columns(text: str) -> list[str]:
    columns = text.split("\t")
    if len(columns) != _WIDTH:
        mend = "write _ for an empty one and # before a comment"
        raise ValueError(f"expected {_WIDTH} columns with tabs between, got {len(columns)}; {mend}")
    return columns


def _identifier(text: str, *, expected: int) -> tuple[str, int]:
    """Kind of a row by its ID ("" word, "-" multi-word token, "." empty node) and the last number in it."""
    match = _ID.fullmatch(text)
    first, kind, last = match.groups("") if match else ("", "", "")
    ordered = kind == "." or first == str(expected)
    if not match or not ordered or (kind == "-" and int(last) < int(first)):
        mend = "number the words from 1 and keep a blank line between sentences"
        raise ValueError(f"ID: expected {expected}, a range from it or an empty node, got {text!r}; {mend}")
    return kind, int(last or first)


def _word(columns: Sequence[str], line: int) -> _Word:
    _, form, lemma, upos, xpos, feats, head, deprel, _, misc = columns
    if not form.strip():
        raise ValueError("FORM is empty; write the word, or _ if it is an underscore")
    if upos != "_" and upos not in _UPOS:
        raise ValueError(f"UPOS: expected one of {UPOS} or _, got {upos!r}; mend the tag")
    if feats != "_" and not _FEATURES.fullmatch(feats):
        raise ValueError(f"FEATS: expected Name=Value pairs with | between, or _, got {feats!r}; mend the features")
    if (head == "_") != (deprel in ("_", "")):
        raise ValueError(
            f"expected HEAD and DEPREL both or neither, got {head!r} and {deprel!r}; write the missing one"
        )
    notes = dict(item.split("=", 1) for item in misc.split("|") if "=" in item)
    chunk, entity = notes.get(CHUNK), notes.get(ENTITY)
    for tag in (chunk, entity):
        split_tag(tag or OUTSIDE)
    return _Word(
        line=line,
        form=form,
        lemma=lemma if form == "_" else _value(lemma),
        upos=_value(upos),
        xpos=_value(xpos),
        feats=_value(feats),
        head=_head(head, int(columns[0]) - 1),
        deprel=ROOT if deprel == "root" else _value(deprel),
        space=_space_after(misc),
        chunk=chunk,
        entity=entity,
    )


def _value(text: str) -> str:
    return "" if text == "_" else text


def _space_after(misc: str) -> bool:
    return "SpaceAfter=No" not in misc.split("|")


def _head(text: str, position: int) -> int | None:
    if text == "_":
        return None
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"HEAD: expected the ID of a word, 0 or _, got {text!r}; mend the head")
    if int(text) == position + 1:
        raise ValueError(f"HEAD: the word is its own head ({text}); write 0 for the root")
    return position if text == "0" else int(text) - 1


def _check_tree(sentence: _Sentence, path: str | Path) -> None:
    """Raises if a head lies outside, two words are roots, or heads run in a circle."""
    root = None
    for i, word in enumerate(sentence):
        if word.head is None:
            continue
        if word.head >= len(sentence):
            message = (
                f"HEAD: expected a word of the sentence, up to {len(sentence)}, got {word.head + 1}; mend the head"
            )
            raise DataError(message, path=path, line=word.line)
        if word.head == i and root is not None:
            message = f"expected one root, got a second one beside word {root + 1}; attach one of them"
            raise DataError(message, path=path, line=word.line)
        root = i if word.head == i else root
    rooted: set[int] = set()
    for i in range(len(sentence)):
        rooted |= _climb(sentence, i, rooted, path)


def _climb(sentence: _Sentence, start: int, rooted: set[int], path: str | Path) -> set[int]:
    """The words from `start` up to one that is known to be rooted, to the root, or to a missing head."""
    seen: set[int] = set()
    node: int | None = start
    while node is not None and node not in rooted and node not in seen:
        seen.add(node)
        head = sentence[node].head
        node = None if head == node else head
    if node is not None and node in seen:
        message = f"HEAD: the heads above word {start + 1} run in a circle; attach one of them to a word outside it"
        raise DataError(message, path=path, line=sentence[node].line)
    return seen


def _doc(vocab: Vocab, group: Sequence[_Sentence], *, featured: bool) -> Doc:
    words = [word for sentence in group for word in sentence]
    offsets = [0, *accumulate(len(sentence) for sentence in group)]
    heads = [
        offset + (i if word.head is None else word.head)
        for offset, sentence in zip(offsets, group, strict=False)
        for i, word in enumerate(sentence)
    ]
    ends = {offset - 1 for offset in offsets[1:-1]}
    doc = Doc(
        vocab,
        words=[word.form for word in words],
        spaces=[word.space or i in ends for i, word in enumerate(words)],
        tags=[word.xpos for word in words],
        pos=[word.upos for word in words],
        morphs=[word.feats for word in words] if featured else None,
        lemmas=[word.lemma for word in words],
        heads=heads,
        deps=[word.deprel for word in words],
    )
    _set_sentence_starts(doc, offsets[:-1])
    _set_segments(doc, group, offsets)
    return doc


def _set_sentence_starts(doc: Doc, starts: Sequence[int]) -> None:
    """Sets the file's boundaries; spaCy's own come from the heads, and are lost where heads are missing."""
    values = np.full(len(doc), -1, dtype=np.int64)
    values[list(starts)] = 1
    doc.from_array(["SENT_START"], values.astype(np.uint64))  # type: ignore[arg-type]


def _set_segments(doc: Doc, group: Sequence[_Sentence], offsets: Sequence[int]) -> None:
    words = [word for sentence in group for word in sentence]
    if any(word.chunk is not None for word in words):
        doc.spans["chunks"] = list(_spans(doc, [[word.chunk for word in sentence] for sentence in group], offsets))
    if any(word.entity is not None for word in words):
        entities = _spans(doc, [[word.entity for word in sentence] for sentence in group], offsets)
        missing = [Span(doc, i, i + 1) for i, word in enumerate(words) if word.entity is None]
        doc.set_ents(list(entities), missing=missing)


def _spans(doc: Doc, tags: Sequence[Sequence[str | None]], offsets: Sequence[int]) -> Iterator[Span]:
    for offset, sentence in zip(offsets, tags, strict=False):
        for start, end, label in tags_to_spans(tag or OUTSIDE for tag in sentence):
            yield Span(doc, offset + start, offset + end, label=label)
