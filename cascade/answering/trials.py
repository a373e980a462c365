"""Trials: gold questions and what a model finds for them, before anything is decided.

To run the model is what takes time; whatever is fitted on, measured on or compared by the same trials shares it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from spacy.tokens import Doc
from spacy.util import minibatch

from cascade import docs as documents
from cascade.answering.candidates import Candidates, Labelled, distinct
from cascade.answering.questions import QuestionAnswering
from cascade.data.squad import GoldAnswer, Paragraph, Question
from cascade.docs import Passage, passage_of
from cascade.retrieval.questions import question_doc

Setting = Literal["given", "open"]
"""Where an answer is looked for: in the `given` paragraph that the question is about, or in all that the retriever
finds, `open`."""

Asked = tuple[Paragraph, Question]
"""A question and the paragraph that it is about, as [`questions`][cascade.data.squad.questions] yields them."""

REACH, PROOF = 40, 20
"""Characters on either side of an answer, without white space, in which a passage has to agree with the paragraph; and
how many of them, where one of the two ends, are enough."""
_SEARCHED = 16  # questions that are searched for at a time


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A gold question and what a model has found for it.

    Attributes:
        id: Of the question.
        answers: Texts of the gold answers; none where there is no answer.
        setting: Where it was looked for.
        passages: What was found, the best first, or the given paragraph.
        gold: Numbers of the gold passages among them, see `is_gold`.
        retrieved: Scores of the passages by the stage that prunes them; None where there is none. Shape: [passages].
        kept: Numbers of the passages that were kept to be read.
        candidates: The candidates.
    """

    id: str
    answers: tuple[str, ...]
    setting: Setting
    passages: tuple[Passage, ...]
    gold: frozenset[int]
    retrieved: np.ndarray | None
    kept: frozenset[int]
    candidates: Candidates

    def labelled(self, qa: QuestionAnswering) -> Labelled:
        """The question as settings are fitted on it: of spans that several passages share, the best alone."""
        scores = qa.settings.fusion.scores(self.candidates)
        return Labelled(candidates=distinct(self.candidates, self.passages, scores), answers=self.answers)


def trials(qa: QuestionAnswering, asked: Iterable[Asked], *, setting: Setting = "given") -> Iterator[Trial]:
    """Run a model over gold questions.

    Args:
        qa: The model; for the open setting, with a retriever.
        asked: The questions.
        setting: Where their answers are looked for.

    Yields:
        A trial for each question, in order.

    Raises:
        ConfigError: The setting is open, and there is no retriever.
    """
    for some in minibatch(asked, _SEARCHED):
        docs = [question_doc(qa.nlp, question.text, [passage_of(own.context)]) for own, question in some]
        if setting == "open":
            qa.find(docs)
        for part in _parts(zip(some, docs, strict=True), qa.model.batch_words):
            yield from _run(qa, part, setting)


def is_gold(text: str, context: str, answers: Sequence[GoldAnswer]) -> bool:
    """Whether a passage is one that a question is about.

    It is when it is the paragraph. An index of whole documents cuts other passages; there, it is when it holds a gold
    answer at the answer's place: around it, passage and paragraph are the same for 40 characters on either side, or to
    where the first of the two ends; and what is the same counts 20 characters beside the answer, or is all of one of
    the two. White space is passed over, since cleaning changes it.

    Args:
        text: The passage's text.
        context: The paragraph's.
        answers: The gold answers; without any, it has to be the paragraph.
    """
    if text == context:
        return True
    whole, passage = _solid(context), _solid(text)
    places = {(len(_solid(context[: answer.start])), len(_solid(context[: answer.end]))) for answer in answers}
    return whole == passage or any(_agree(whole, passage, *place) for place in places)


def _agree(whole: str, passage: str, start: int, end: int) -> bool:
    """Whether a passage holds whole[start:end] with what stands around it."""
    place, size = passage.find(whole[start:end]), end - start
    while place >= 0:
        before = min(start, place, REACH)
        after = min(len(whole) - end, len(passage) - place - size, REACH)
        same = whole[start - before : end + after] == passage[place - before : place + size + after]
        if same and (before + after >= PROOF or before + size + after in (len(whole), len(passage))):
            return True
        place = passage.find(whole[start:end], place + 1)
    return False


def _solid(text: str) -> str:
    return "".join(text.split())


def _parts(pairs: Iterable[tuple[Asked, Doc]], limit: int) -> Iterator[list[tuple[Asked, Doc]]]:
    """Questions together while their words are as many as the model reads fastest, or one by itself."""
    part: list[tuple[Asked, Doc]] = []
    held = 0
    for pair in pairs:
        words = documents.size(pair[1])
        if part and held + words > limit:
            yield part
            part, held = [], 0
        part.append(pair)
        held += words
    if part:
        yield part


def _run(qa: QuestionAnswering, part: Sequence[tuple[Asked, Doc]], setting: Setting) -> Iterator[Trial]:
    stages = qa.stages
    predicted = qa.model.predict([doc for _, doc in part], tasks=stages.names)
    for ((paragraph, question), doc), found in zip(part, predicted, strict=True):
        passages = tuple(documents.passages(doc))
        gold = (n for n, own in enumerate(passages) if is_gold(own.text, paragraph.context, question.answers))
        yield Trial(
            id=question.id,
            answers=tuple(answer.text for answer in question.answers),
            setting=setting,
            passages=passages,
            gold=frozenset(gold),
            retrieved=None if stages.retrieve is None else found[stages.retrieve]["order"],
            kept=frozenset(found[stages.read or ""]["text"].tolist()),
            candidates=stages.candidates(doc, found),
        )
