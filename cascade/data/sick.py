"""SICK: sentence pairs with relatedness from 1 to 5 and textual entailment (Marelli et al. 2014, LREC)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from spacy.lang.en import English
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from cascade.data.files import read_lines, require_any
from cascade.errors import DataError

LABELS = ("CONTRADICTION", "ENTAILMENT", "NEUTRAL")
"""The judgments, as they stand in the file and in `doc.cats`."""

_TEXTS = ("sentence_A", "sentence_B")
_SCORE = "relatedness_score"
_JUDGMENTS = ("entailment_judgment", "entailment_label")
_UNKNOWN = frozenset({"", "NA", "na"})

Tokenizer = Callable[[str], Doc]


def read_sick(path: str | Path, *, vocab: Vocab, tokenizer: Tokenizer | None = None) -> Iterator[Doc]:
    """Reads sentence pairs from a tab-separated file with a header, one Doc a pair.

    The columns `sentence_A` and `sentence_B` must be there; `relatedness_score` and `entailment_judgment` (in the full
    release `entailment_label`) may lack or hold `NA`, which leaves that annotation out. Other columns are passed over.

    Args:
        path: The file, plain or gzipped.
        vocab: The vocabulary of the Docs.
        tokenizer: Splits a sentence into words; spaCy's for English if None.

    Yields:
        Docs with the words of both sentences, `doc.spans["pair"]` of two spans, a sentence start at each, and the gold
        in `doc.cats`: `relatedness` from 1 to 5, and 1.0 or 0.0 for each of [`LABELS`][cascade.data.sick.LABELS].

    Raises:
        DataError: A column is missing, a row has other columns than the header, a value is out of range, or there is
            no pair.
    """
    split = tokenizer or English(vocab).tokenizer
    rows = require_any(_rows(path), path=path, expected="a header and at least one sentence pair")
    for number, row in rows:
        doc = _pair(vocab, split(row[_TEXTS[0]]), split(row[_TEXTS[1]]))
        try:
            doc.cats = {**_relatedness(row), **_entailment(row)}
        except ValueError as error:
            raise DataError(str(error), path=path, line=number) from error
        yield doc


def _rows(path: str | Path) -> Iterator[tuple[int, dict[str, str]]]:
    header: list[str] = []
    for number, line in read_lines(path):
        if not line.strip():
            continue
        columns = [column.strip() for column in line.split("\t")]
        if not header:
            header = _header(columns, path, number)
            continue
        if len(columns) != len(header):
            message = f"expected {len(header)} tab-separated columns as in the header, got {len(columns)}; mend the row"
            raise DataError(message, path=path, line=number)
        row = dict(zip(header, columns, strict=True))
        if not (row[_TEXTS[0]] and row[_TEXTS[1]]):
            raise DataError("expected two sentences, got an empty one; mend the row", path=path, line=number)
        yield number, row


def _header(columns: list[str], path: str | Path, number: int) -> list[str]:
    missing = [name for name in _TEXTS if name not in columns]
    if missing:
        message = f"expected a tab-separated header with {' and '.join(_TEXTS)}, got {columns}; add the header"
        raise DataError(message, path=path, line=number)
    return columns


def _pair(vocab: Vocab, first: Doc, second: Doc) -> Doc:
    tokens = [*first, *second]
    spaces = [bool(token.whitespace_) for token in tokens]
    spaces[len(first) - 1] = True
    starts = [i in (0, len(first)) for i in range(len(tokens))]
    doc = Doc(vocab, words=[token.text for token in tokens], spaces=spaces, sent_starts=starts)  # type: ignore[arg-type]
    doc.spans["pair"] = [Span(doc, 0, len(first)), Span(doc, len(first), len(doc))]
    return doc


def _relatedness(row: Mapping[str, str]) -> dict[str, float]:
    value = row.get(_SCORE, "")
    if value in _UNKNOWN:
        return {}
    try:
        score = float(value)
    except ValueError:
        score = float("nan")
    if not 1.0 <= score <= 5.0:
        raise ValueError(f"{_SCORE}: expected a number from 1 to 5, got {value!r}; mend the row or write NA")
    return {"relatedness": score}


def _entailment(row: Mapping[str, str]) -> dict[str, float]:
    value = next((row[name] for name in _JUDGMENTS if name in row), "")
    if value in _UNKNOWN:
        return {}
    if value.upper() not in LABELS:
        raise ValueError(f"entailment: expected one of {', '.join(LABELS)}, got {value!r}; mend the row or write NA")
    return {label: float(label == value.upper()) for label in LABELS}
