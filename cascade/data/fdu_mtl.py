"""FDU-MTL: reviews of 16 domains, positive or negative (Liu et al. 2017, ACL)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from spacy.lang.en import English
from spacy.tokens import Doc
from spacy.vocab import Vocab

from cascade import docs as documents
from cascade.data.files import Line, read_lines, require_any
from cascade.errors import DataError

DOMAINS = (
    "apparel", "baby", "books", "camera_photo", "dvd", "electronics", "health_personal_care", "imdb",
    "kitchen_housewares", "magazines", "MR", "music", "software", "sports_outdoors", "toys_games", "video",
)  # fmt: skip
"""The domains, as the files are called; `imdb` and `MR` (Movie Reviews) are of films, the others of products."""

DEV = 200
"""Reviews at the end of a training file that are its dev set."""

Part = Literal["all", "train", "dev"]
Tokenizer = Callable[[str], Doc]

_LABELLED = re.compile(r"([01])\t(.*)")


def read_fdu_mtl(
    path: str | Path, *, vocab: Vocab, domain: str | None = None, part: Part = "all", tokenizer: Tokenizer | None = None
) -> Iterator[Doc]:
    r"""Reads the reviews of a domain, one a line: `1\tTEXT` or `0\tTEXT`, or the text alone where there is no gold.

    A line that is not UTF-8 is read as cp1252.

    Args:
        path: The file, plain or gzipped.
        vocab: The vocabulary of the Docs.
        domain: The domain; the file's name up to the first dot if None.
        part: `dev` reads the last 200 reviews alone, `train` leaves them out.
        tokenizer: Splits a review into words; spaCy's for English if None.

    Yields:
        Docs with the domain in `doc._.domain` and the gold in `doc.cats`, under the domain's own
        [`labels`][cascade.data.fdu_mtl.labels].

    Raises:
        DataError: A line has a tab, but no label before it, or there is no review.
    """
    documents.register()
    split = tokenizer or English(vocab).tokenizer
    name = domain or Path(path).name.partition(".")[0]
    lines = require_any(
        (line for line in read_lines(path, fallback="cp1252") if line[1].strip()), path=path, expected="reviews"
    )
    for line in _part(lines, part):
        label, text = _split(line, path)
        doc = split(text)
        documents.set_domain(doc, name)
        doc.cats = {} if label is None else {key: float(i == label) for i, key in enumerate(labels(name))}
        yield doc


def labels(domain: str) -> tuple[str, str]:
    """What stands in `doc.cats` for a negative and for a positive review; every domain has categories of its own."""
    return f"{domain}_negative", f"{domain}_positive"


def _part(lines: Iterator[Line], part: Part) -> Iterator[Line]:
    if part == "all":
        return lines
    known = list(lines)
    return iter(known[-DEV:]) if part == "dev" else islice(known, max(0, len(known) - DEV))


def _split(line: Line, path: str | Path) -> tuple[int | None, str]:
    """The label and the text."""
    number, content = line
    found = _LABELLED.fullmatch(content)
    if found:
        return int(found[1]), found[2].strip()
    if "\t" in content:
        label, _, _ = content.partition("\t")
        raise DataError(f"expected 0 or 1 before the tab, got {label!r}; mend the line", path=path, line=number)
    return None, content.strip()
