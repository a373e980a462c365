"""SciFact: scientific claims, and abstracts that support or contradict them (Wadden et al. 2020, EMNLP)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cascade.data.files import read_lines, require_any
from cascade.errors import DataError

LABELS = ("SUPPORT", "CONTRADICT")
"""What an abstract may say of a claim, as it stands in `doc.cats`."""

_WRITTEN = {"SUPPORT": "SUPPORT", "CONTRADICT": "CONTRADICT", "REFUTE": "CONTRADICT"}
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class Abstract:
    """An abstract of the corpus.

    Attributes:
        id: Its `doc_id`.
        text: Title, line feed, and sentences with a space between two.
        sentences: First character of every sentence in the text, and one past its last.
    """

    id: str
    text: str
    sentences: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A claim.

    Attributes:
        id: Unique in its file.
        text: The claim.
        cited: Ids of the abstracts in which evidence was looked for.
        rationales: Numbers of the sentences that are evidence, from 0, by the id of their abstract.
        label: One of [`LABELS`][cascade.data.scifact.LABELS]; None where there is no evidence.
    """

    id: str
    text: str
    cited: tuple[str, ...]
    rationales: Mapping[str, tuple[int, ...]]
    label: str | None


def read_abstracts(path: str | Path) -> dict[str, Abstract]:
    """Reads the corpus, JSON lines.

    Args:
        path: The file, plain or gzipped.

    Returns:
        Abstracts by id, in the order of the file.

    Raises:
        DataError: A line is not JSON or lacks a field, an id comes twice, or there is no abstract.
    """
    found: dict[str, Abstract] = {}
    for number, abstract in _items(path, _abstract, "an abstract, with doc_id, title and abstract"):
        if abstract.id in found:
            message = f"doc_id {abstract.id}: expected it once, got it a second time; leave one line out"
            raise DataError(message, path=path, line=number)
        found[abstract.id] = abstract
    return found


def read_claims(path: str | Path, abstracts: Mapping[str, Abstract]) -> tuple[Claim, ...]:
    """Reads claims with their evidence, JSON lines. REFUTE is CONTRADICT.

    Args:
        path: The file, plain or gzipped.
        abstracts: The corpus.

    Raises:
        DataError: A line is not JSON or lacks a field; a claim cites what the corpus does not have, its evidence lies
            beyond an abstract's last sentence, or its labels are unknown or differ; or there is no claim.
    """
    return tuple(
        claim
        for _, claim in _items(
            path, lambda entry: _claim(entry, abstracts), "a claim, with id, claim, evidence and cited_doc_ids"
        )
    )


def _items(path: str | Path, make: Callable[[Any], Item], expected: str) -> Iterator[tuple[int, Item]]:
    """What the lines hold, with their numbers."""

    def made() -> Iterator[tuple[int, Item]]:
        for number, line in read_lines(path):
            if line.strip():
                try:
                    yield number, make(json.loads(line))
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    got = f"no field {error}" if isinstance(error, KeyError) else str(error)
                    message = f"expected {expected}, got {got}; is this SciFact's format?"
                    raise DataError(message, path=path, line=number) from error

    return require_any(made(), path=path, expected=f"at least one line with {expected}")


def _abstract(entry: Any) -> Abstract:
    text, sentences = str(entry["title"]).strip(), list[tuple[int, int]]()
    for number, sentence in enumerate(map(str.strip, entry["abstract"])):
        text += " " if number else "\n"
        sentences.append((len(text), len(text) + len(sentence)))
        text += sentence
    return Abstract(id=str(entry["doc_id"]), text=text, sentences=tuple(sentences))


def _claim(entry: Any, abstracts: Mapping[str, Abstract]) -> Claim:
    sets = [(document, one) for document, several in entry["evidence"].items() for one in several]
    labels = {_WRITTEN.get(one["label"], f"the label {one['label']!r}") for _, one in sets}
    if len(labels) > 1 or labels - set(LABELS):
        raise ValueError(f"{' and '.join(sorted(labels))} as what its evidence says")
    cited = tuple(map(str, entry["cited_doc_ids"]))
    if missing := [each for each in (*cited, *entry["evidence"]) if each not in abstracts]:
        raise ValueError(f"abstract {missing[0]}, which the corpus lacks")
    rationales = {
        document: tuple(sorted({int(number) for own, one in sets if own == document for number in one["sentences"]}))
        for document in entry["evidence"]
    }
    for document, numbers in rationales.items():
        if not all(0 <= number < len(abstracts[document].sentences) for number in numbers):
            raise ValueError(f"a sentence that abstract {document} does not have among {list(numbers)}")
    label = next(iter(labels), None)
    return Claim(id=str(entry["id"]), text=str(entry["claim"]), cited=cited, rationales=rationales, label=label)
