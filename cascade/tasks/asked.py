"""What the tasks over the passages of a question share: their view, their gold, and answers as they write them."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor

from cascade import docs as documents
from cascade.data.answers import exact_match, token_f1
from cascade.data.batches import Targets
from cascade.graph import Candidates, Edge, Hidden, Labels, Unit, View
from cascade.nn.decoders.base import Output
from cascade.nn.recalibration import Method
from cascade.nn.rows import MISSING
from cascade.tasks.base import Predictions, Task

ANSWERS = "answers"
"""Key under which a stage keeps the texts of its answers, the best first."""
WROTE = "wrote"
"""Key under which it keeps whether `doc._.answers` are its own."""


LIMIT = 20
"""Answers that a stage keeps of a question."""


@dataclass(kw_only=True)
class AskedTask(Task):
    """A task over the passages of a question; see `Task`."""

    classes: ClassVar[tuple[str, ...]]
    """Its labels, which no data change."""
    extensible: ClassVar[bool] = False
    calibrations: ClassVar[tuple[Method, ...]] = ()

    @property
    def view(self) -> View:
        """Passages are read together with the question."""
        return "asked"

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """The labels; none where no Doc is a question with gold."""
        return self.classes if any(mentions(doc) is not None for doc in docs) else ()


class SpanTask(AskedTask):
    """A task over candidate spans of the passages, which an upstream task, or it itself, proposes; see `Task`."""

    # This is no dataclass, so that `longest` keeps its place among the fields of a task.
    longest: int
    """Words of the longest answer."""

    unit: ClassVar[Unit] = "span"
    takes: ClassVar[tuple[type[Edge], ...]] = (Hidden, Labels, Candidates)

    def targets(self, doc: Doc) -> Targets | None:
        """Which spans are right: 1 at a first word for the number of words that follow. Shape: [words, longest]."""
        found = mentions(doc)
        if found is None:
            return None
        words = [documents.word_spans(text) for text in documents.passage_texts(doc)]
        spans = np.zeros((sum(map(len, words)), self.longest), dtype=np.int64)
        before = 0
        for own, gold in zip(words, found, strict=True):
            stretches = [covered(own, *mention) for mention in gold]
            fitting = [(first, end) for first, end in stretches if 0 < end - first <= self.longest]
            for first, end in fitting:
                spans[before + first, end - first - 1] = 1
            if stretches and not fitting:  # there is an answer, but none that could be found
                spans[before : before + len(own)] = MISSING
            before += len(own)
        return {"spans": spans}

    def blank(self, rows: int) -> Targets:
        """Targets of a Doc without gold."""
        return {"spans": np.full((rows, self.longest), MISSING, dtype=np.int64)}

    def gold_rows(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Spans that are gold."""
        return right_spans(output.layout.spans, targets["spans"])


def mentions(doc: Doc) -> list[list[tuple[int, int]]] | None:
    """Where the gold answers stand in each passage, in characters.

    Returns:
        For each passage first character and one past the last of every mention; None where the Doc is no question, or
        nothing is known of its answers.
    """
    gold = documents.answers(doc)
    if gold is None or not documents.is_question(doc):
        return None
    return [
        sorted({(answer.first, answer.last) for answer in gold if answer.passage == passage.id})
        for passage in documents.passages(doc)
    ]


def covered(words: Sequence[tuple[int, int]], first: int, last: int) -> tuple[int, int]:
    """The words that a stretch of characters touches, as the first and one past the last.

    Args:
        words: Where the words stand.
        first: First character.
        last: One past the last.
    """
    return bisect_right(words, first, key=lambda word: word[1]), bisect_left(words, last, key=lambda word: word[0])


def right_spans(spans: Tensor, gold: Tensor) -> Tensor:
    """Which spans are gold.

    Args:
        spans: First and last token row. Shape: [spans, 2].
        gold: As `SpanTask.targets`. Shape: [tokens, longest].

    Returns:
        Shape: [spans], bool.
    """
    first, last = spans.unbind(1)
    more, longest = last - first, gold.shape[1]
    return (more < longest) & (gold[first, more.clamp(max=longest - 1)] == 1)


def places(output: Output) -> dict[str, np.ndarray]:
    """Number of the passage, first and last word of every span. Shape of each: [spans]."""
    text, first, last = output.layout.places.cpu().numpy().T
    return {"text": text, "first": first, "last": last}


def best_answers(doc: Doc, predictions: Predictions, scores: np.ndarray) -> list[documents.Answer]:
    """The best candidate spans as answers, the best first; equal texts once.

    Args:
        doc: The question.
        predictions: `text`, `first` and `last` of every span: number of the passage, first and last word in it.
        scores: By which they are ranked. Shape: [spans].
    """
    from cascade.retrieval.documents import source_text
    from cascade.retrieval.locating import locate

    source = cache(source_text)
    passages = documents.passages(doc)
    words = [documents.word_spans(passage.text) for passage in passages]
    answers: dict[str, documents.Answer] = {}
    for i in np.argsort(-scores, kind="stable").tolist():
        passage, own = passages[predictions["text"][i]], words[predictions["text"][i]]
        first, last = own[predictions["first"][i]][0], own[predictions["last"][i]][1]
        text = passage.text[first:last]
        if len(answers) == LIMIT:
            break
        if np.isfinite(scores[i]) and text not in answers:
            total = float(scores[i])
            answers[text] = locate(
                passage,
                first,
                last,
                confidence=(1 + math.tanh(total / 2)) / 2,
                scores={"total": total},
                source=source,
            )
    return list(answers.values())


def score_best(name: str, examples: Sequence[Example]) -> dict[str, Any]:
    """Exact match and F1 of a stage's best answers to the questions that have one, as SQuAD counts them.

    Args:
        name: The stage's name.
        examples: Questions with the gold answers.
    """
    known = [(e.predicted, gold) for e in examples if (gold := documents.answers(e.reference))]
    pairs = [
        (next(iter(documents.stage(doc, name).get(ANSWERS, ())), ""), [answer.plain for answer in gold])
        for doc, gold in known
    ]
    keys = {f"{name}_f1": token_f1, f"{name}_em": exact_match}
    return {key: float(np.mean([measure(*p) for p in pairs])) if pairs else None for key, measure in keys.items()}
