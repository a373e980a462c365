"""Docs to batches: flat rows of every unit, the encoder's features, and the targets of every task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor

from cascade import docs as documents
from cascade.graph import Unit, View
from cascade.nn.rows import MISSING, Rows

Targets = Mapping[str, np.ndarray]
"""Gold of a Doc for a task: arrays whose first axis is the Doc's rows of the task's unit, `MISSING` where unknown."""

TOLD_BY: Mapping[Unit, Unit] = {"span": "token"}
"""Units whose rows are made at run time, and those by whose rows their gold is told."""


class Targeted(Protocol):
    """What a batch has to know of a task."""

    name: str

    @property
    def unit(self) -> Unit:
        """The unit of its rows."""

    @property
    def view(self) -> View:
        """How it has the encoder read texts."""

    def blank(self, rows: int) -> Targets:
        """Targets of a Doc that has no gold."""

    def targets(self, doc: Doc) -> Targets | None:
        """Targets of a Doc; None without gold."""


@dataclass(frozen=True)
class Texts:
    """What an encoder is given to read.

    Args:
        words: Words of every text.
        pairs: Places of the first texts of pairs; the second follows it.
        questions: Words of the question about every text; none where the texts are not passages.
        hidden: For every word of all texts, whether the view "masked" hides it.
    """

    words: list[list[str]]
    pairs: list[int]
    questions: list[list[str]]
    hidden: list[bool]

    def masked(self, mask: str) -> list[list[str]]:
        """The words, and a mask in the place of those that are hidden."""
        hidden = iter(self.hidden)
        return [[mask if next(hidden) else word for word in text] for text in self.words]


@dataclass(frozen=True)
class Batch:
    """A batch of Docs as tensors.

    Args:
        rows: Rows by unit; tokens are grouped by text, texts and pairs by Doc. Spans are made later.
        pairs: The two text rows of every pair. Shape: [pairs, 2].
        features: What the encoder made of the texts, per view.
        counts: Rows of every unit, per Doc.
        prior: What the search said of the passages of questions, see `cascade.docs.search_scores`; 0 for other texts.
            Shape: [texts].
        targets: Gold per task, concatenated over Docs; tasks for which no Doc has gold are absent.
    """

    rows: Mapping[Unit, Rows]
    pairs: Tensor
    features: Mapping[View, Mapping[str, Tensor]]
    counts: Mapping[Unit, list[int]]
    prior: Tensor
    targets: Mapping[str, Mapping[str, Tensor]]

    def split(self, unit: Unit, values: np.ndarray, rows: Rows) -> list[np.ndarray]:
        """Cut an array over rows into one array per Doc.

        Args:
            unit: The unit of the rows.
            values: Shape: [rows, ...].
            rows: The rows, which for spans the batch does not know.
        """
        counts = self.counts[unit] if unit in self.counts else self._per_doc(rows)
        ends = np.cumsum(counts, dtype=np.int64).tolist()
        return [values[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def _per_doc(self, rows: Rows) -> list[int]:
        texts = self.rows["text"]
        counts: list[int] = texts.parent[rows.parent].bincount(minlength=texts.size).tolist()
        return counts

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        moved = {
            u: Rows(parent=r.parent.to(device), alive=r.alive.to(device), size=r.size) for u, r in self.rows.items()
        }
        targets = {t: {n: v.to(device) for n, v in values.items()} for t, values in self.targets.items()}
        features = {view: {n: v.to(device) for n, v in own.items()} for view, own in self.features.items()}
        return Batch(
            rows=moved,
            pairs=self.pairs.to(device),
            features=features,
            counts=self.counts,
            prior=self.prior.to(device),
            targets=targets,
        )


def collate(
    docs: Sequence[Doc],
    features: Callable[[Texts], Mapping[View, Mapping[str, Tensor]]],
    tasks: Sequence[Targeted] = (),
    *,
    asked: bool = False,
) -> Batch:
    """Make a batch.

    Args:
        docs: The Docs; any may be empty.
        features: What the encoder makes of the texts, per view.
        tasks: Tasks whose targets are wanted.
        asked: Whether the Docs are questions, whose texts are their passages.
    """
    texts = [documents.passage_words(doc) if asked else documents.words(doc) for doc in docs]
    words = [text for own in texts for text in own]
    per_doc = [len(own) for own in texts]
    pairs = [0 if asked else n - 1 for n in per_doc]
    questions = [asking for doc, n in zip(docs, per_doc, strict=True) if asked for asking in [_words(doc)] * n]
    first = np.cumsum([0, *per_doc], dtype=np.int64)[:-1][np.array(pairs, dtype=bool)]
    rows: dict[Unit, Rows] = {
        "token": _rows([len(text) for text in words]),
        "text": _rows(per_doc),
        "pair": _rows(pairs),
        "span": Rows(parent=torch.zeros(0, dtype=torch.long), alive=torch.zeros(0, dtype=torch.bool), size=len(words)),
    }
    counts: dict[Unit, list[int]] = {
        "token": [sum(map(len, own)) for own in texts],
        "text": per_doc,
        "pair": pairs,
    }
    targets = read_targets(docs, tasks, counts)
    return Batch(
        rows=rows,
        pairs=torch.as_tensor(np.stack([first, first + 1], axis=1)),
        features=features(Texts(words, first.tolist(), questions, _hidden(sum(map(len, words)), tasks, targets))),
        counts=counts,
        prior=torch.tensor([s for doc, n in zip(docs, per_doc, strict=True) for s in _prior(doc, n, asked)]),
        targets=targets,
    )


def read_targets(
    docs: Sequence[Doc], tasks: Iterable[Targeted], counts: Mapping[Unit, Sequence[int]]
) -> dict[str, dict[str, Tensor]]:
    """Gold per task, as a `Batch` has it.

    Args:
        docs: The Docs.
        tasks: Tasks whose targets are wanted.
        counts: Rows of every unit, per Doc.
    """
    return {t.name: gold for t in tasks if (gold := _gather(t, docs, counts[TOLD_BY.get(t.unit, t.unit)])) is not None}


def _hidden(tokens: int, tasks: Iterable[Targeted], targets: Mapping[str, Mapping[str, Tensor]]) -> list[bool]:
    """For every word, whether some task is to find it without having seen it."""
    hidden = np.zeros(tokens, dtype=bool)
    for task in tasks:
        if task.view == "masked" and task.name in targets:
            hidden |= targets[task.name]["label"].numpy() != MISSING
    return [bool(gone) for gone in hidden]


def _words(doc: Doc) -> list[str]:
    return [word for text in documents.words(doc) for word in text]


def _prior(doc: Doc, texts: int, asked: bool) -> list[float]:
    return documents.search_scores(doc) if asked else [0.0] * texts


def _rows(lengths: Sequence[int]) -> Rows:
    parent = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths, dtype=torch.int64))
    return Rows(parent=parent, alive=torch.ones(len(parent), dtype=torch.bool), size=len(lengths))


def _gather(task: Targeted, docs: Sequence[Doc], counts: Sequence[int]) -> dict[str, Tensor] | None:
    gold: list[Any] = [task.targets(doc) if rows else None for doc, rows in zip(docs, counts, strict=True)]
    if all(targets is None for targets in gold):
        return None
    filled = [task.blank(rows) if targets is None else targets for targets, rows in zip(gold, counts, strict=True)]
    return {name: torch.from_numpy(np.concatenate([t[name] for t in filled])) for name in filled[0]}


def by_length(sizes: Sequence[int], words: int) -> Iterator[list[int]]:
    """Put what is of like length together: padding costs time, and, but for rounding, nothing depends on the others.

    Args:
        sizes: Words of every Doc, see `cascade.docs.size`, or of every text.
        words: Words per batch, padding among them; what is longer is a batch of its own.

    Yields:
        Places of the Docs or texts of a batch.
    """
    batch: list[int] = []
    for place in sorted(range(len(sizes)), key=sizes.__getitem__):
        if batch and (len(batch) + 1) * sizes[place] > words:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
