"""Question answering over one's own documents: retrieve, read, rerank, decide."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self, overload

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from cascade import docs as documents
from cascade import storage
from cascade.answering.budget import Budget, Costs
from cascade.answering.candidates import Candidates
from cascade.answering.decisions import Decision
from cascade.answering.encoders import passage_encoder
from cascade.answering.explain import explain
from cascade.answering.locate import answers
from cascade.answering.proposals import Stages
from cascade.answering.settings import FILE, Answering
from cascade.config import find
from cascade.docs import Answer
from cascade.errors import ConfigError
from cascade.graph import Candidates as CandidatesEdge
from cascade.model import CascadeModel
from cascade.retrieval import Hit, Index, Retriever, source_text
from cascade.retrieval.facts import Where
from cascade.retrieval.locating import Source

HITS = 30
"""Passages that are searched for each question."""
LONGEST = 500
"""Words of the longest question. Only the beginning of a question is read, so what is longer is left unanswered."""


@dataclass(frozen=True, kw_only=True)
class Answers(Sequence[Answer]):
    """The answers to a question, the best first; none when it is left unanswered.

    Args:
        question: The question.
        found: The answers.
        no_answer_probability: Probability that the documents do not answer it.
        hits: The passages that were searched for it.
        explanation: Why; None unless it was asked for. See `cascade.answering.explain`.
    """

    question: str
    found: tuple[Answer, ...]
    no_answer_probability: float
    hits: tuple[Hit, ...] = field(default=(), repr=False)
    explanation: dict[str, Any] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.found)

    @overload
    def __getitem__(self, place: int) -> Answer: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Answer, ...]: ...
    def __getitem__(self, place: int | slice) -> Answer | tuple[Answer, ...]:
        """An answer by its rank, from 0."""
        return self.found[place]

    def to_json(self) -> dict[str, Any]:
        """The answers as plain values."""
        plain = {
            "question": self.question,
            "answers": [answer.to_json() for answer in self.found],
            "no_answer_probability": self.no_answer_probability,
        }
        return plain if self.explanation is None else {**plain, "explanation": self.explanation}


class QuestionAnswering:
    """Answers questions from the passages that a retriever finds.

    Args:
        model: A model whose graph reads: a `Reading`, with or without a `Retrieval` before and a `Reranking` behind.
        retriever: Finds passages, such as an `Index`; None where passages are given with every question.
        settings: How answers are made of candidates.
        hits: Passages that are searched for each question.

    Raises:
        GraphError: No task of the model reads, or several do.
        ConfigError: `hits` is below 1.
    """

    def __init__(
        self,
        model: CascadeModel,
        retriever: Retriever | None = None,
        *,
        settings: Answering | None = None,
        hits: int = HITS,
    ) -> None:
        if hits < 1:
            raise ConfigError(f"expected to search 1 or more passages, got hits={hits}")
        self.model, self.retriever, self.hits = model, retriever, hits
        self.settings = settings or Answering()
        self.stages = Stages(model)
        self.nlp: Language = spacy.blank(model.lang)
        self.costs = Costs(model, low=self._low(), high=max(model.node(name).highest for name in self.stages.names))

    @classmethod
    def load(cls, model: str | Path, *, index: str | Path | Retriever | None = None, hits: int = HITS) -> Self:
        """Load a model with its settings, and open an index.

        Args:
            model: Name of a shipped pipeline, or a model folder.
            index: The folder of an index, or any retriever; None where passages are given with every question.
            hits: See the class.

        Raises:
            ConfigError: There is no such model; the message lists what there is.
            ModelError: It cannot be read.
            StoreError: There is no index, or it cannot be opened.
            GraphError: See the class.
        """
        folder = find(model)
        settings = Answering.load(folder) if (folder / FILE).is_file() else None
        retriever = Index.open(index, loader=passage_encoder) if isinstance(index, str | Path) else index
        return cls(storage.load(folder), retriever, settings=settings, hits=hits)

    def ask(
        self,
        question: str,
        top_k: int = 1,
        *,
        explain: bool = False,
        where: Where | None = None,
        budget: Budget | None = None,
    ) -> Answers:
        """Answer a question.

        Args:
            question: The question; a blank one has no answer, nor has one of more than `LONGEST` words.
            top_k: How many answers at most.
            explain: Whether the answers come with the reasons.
            where: What must hold for a passage, see [`conditions`][cascade.retrieval.facts.conditions].
            budget: What it may cost; nothing is spared when None.

        Returns:
            The best first; none when the documents do not answer it, as far as can be told.

        Raises:
            ConfigError: There is no retriever, or `top_k` is below 1.
        """
        return self.ask_batch([question], top_k, explain=explain, where=where, budget=budget)[0]

    def ask_batch(
        self,
        questions: Sequence[str],
        top_k: int = 1,
        *,
        explain: bool = False,
        where: Where | None = None,
        budget: Budget | None = None,
    ) -> list[Answers]:
        """Answer several questions; see `ask`, whose arguments hold for each of them."""
        if top_k < 1:
            raise ConfigError(f"expected to give 1 or more answers, got top_k={top_k}")
        docs = [self.nlp.make_doc(question) for question in questions]
        found = self.find(docs, where=where)
        decisions = self.decide(docs, budget=budget)
        source = cache(source_text)
        return [
            located(
                doc,
                decision,
                hits,
                top_k=top_k,
                source=source,
                explanation=self._explanation(doc, decision, top_k) if explain else None,
            )
            for doc, decision, hits in zip(docs, decisions, found, strict=True)
        ]

    def find(self, docs: Sequence[Doc], *, where: Where | None = None) -> list[list[Hit]]:
        """Search passages for questions, and set them as `doc._.passages`, the best first.

        Args:
            docs: The questions.
            where: See `ask`.

        Raises:
            ConfigError: There is no retriever.
        """
        if self.retriever is None:
            raise ConfigError(
                "there is nowhere to look for answers: give an index, as in QuestionAnswering.load(model, index=...)"
            )
        texts = [doc.text if is_askable(doc) else "" for doc in docs]
        found = self.retriever.search_batch(texts, self.hits, where=where)
        for doc, hits in zip(docs, found, strict=True):
            documents.set_passages(doc, [hit.passage for hit in hits], [hit.score for hit in hits])
        return found

    def decide(self, docs: Sequence[Doc], *, budget: Budget | None = None) -> list[Decision]:
        """Answers to questions that have their passages, before they are located in the sources.

        Args:
            docs: The questions, with `doc._.passages`.
            budget: See `ask`; of each question.
        """
        return [
            self.settings.decide(candidates, documents.passages(doc))
            for doc, candidates in zip(docs, self.candidates(docs, budget=budget), strict=True)
        ]

    def candidates(self, docs: Sequence[Doc], *, budget: Budget | None = None) -> Iterator[Candidates]:
        """The candidates of questions that have their passages; see `decide`."""
        for doc in docs:
            plan = self.costs.plan(_sizes(doc), self._kept(), budget)
            question = self._first(doc, plan.looked_at)
            keep = {} if self.stages.retrieve is None or budget is None else {self.stages.retrieve: plan.read}
            begin = time.perf_counter()
            predictions = self.model.predict([question], tasks=self.stages.names, keep=keep)[0]
            self.costs.learn(plan.flops, time.perf_counter() - begin)
            yield self.stages.candidates(question, predictions)

    def _first(self, doc: Doc, number: int) -> Doc:
        """A copy of a question with so many of its passages; itself where it has no more."""
        if number == len(documents.passage_texts(doc)):
            return doc
        first, scores = self.nlp.make_doc(doc.text), documents.hit_scores(doc)
        documents.set_passages(first, documents.passages(doc)[:number], scores and scores[:number])
        return first

    def _low(self) -> int:
        """Blocks below the stage that prunes; 0 where none does."""
        return self.model.node(self.stages.retrieve).highest if self.stages.retrieve and self._prunes() else 0

    def _kept(self) -> int:
        """Passages that are read without a budget."""
        return min((edge.predict or edge.k for edge in self._prunes()), default=self.hits)

    def _prunes(self) -> list[CandidatesEdge]:
        """The edges that prune what is read."""
        edges = self.model.graph.edges_into(self.stages.read or "").get(self.stages.retrieve or "", ())
        return [edge for edge in edges if isinstance(edge, CandidatesEdge)]

    def _explanation(self, doc: Doc, decision: Decision, top_k: int) -> dict[str, Any]:
        passages, index = documents.passages(doc), self.retriever
        terms = (lambda n: index.explain(doc.text, passages[n].id)) if isinstance(index, Index) else None
        return explain(self.settings, decision, terms=terms, top=top_k)


def located(
    doc: Doc,
    decision: Decision,
    hits: Iterable[Hit] = (),
    *,
    top_k: int,
    source: Source,
    explanation: dict[str, Any] | None = None,
) -> Answers:
    """The answers that a decision stands for.

    Args:
        doc: The question, with its passages.
        decision: The decision.
        hits: The passages that were searched for it.
        top_k: How many answers at most.
        source: As for `locate`; of several answers one that remembers what it has read.
        explanation: Why.
    """
    return Answers(
        question=doc.text,
        found=tuple(answers(decision, documents.passages(doc), top=top_k, source=source)),
        no_answer_probability=decision.no_answer_probability,
        hits=tuple(hits),
        explanation=explanation,
    )


def is_askable(question: Doc) -> bool:
    """Whether a question can have an answer: it is not blank, and not longer than `LONGEST`."""
    return not question.text.isspace() and 0 < len(question) <= LONGEST


def _sizes(doc: Doc) -> list[int]:
    """Words of every passage, with the question."""
    return [len(words) + len(doc) for words in documents.passage_words(doc)]
