"""Hard negatives: passages that are found for a question though they do not answer it."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from cascade.docs import Passage, words_of
from cascade.errors import TrainingError
from cascade.retrieval.dense import Encoder
from cascade.retrieval.hits import Retriever


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A question and what is to be found for it.

    Args:
        question: The question.
        positives: Ids of the passages that answer it.
        answers: Its answers: a passage in which one of them stands is no negative.
    """

    question: str
    positives: tuple[str, ...]
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Mining:
    """How hard negatives are found.

    Args:
        count: How many a question gets, at most.
        ranks: The ranks, from 1, between which they are drawn; positives are not counted.
        margin: A passage is too close to be a negative when its cosine is above this share of the positive's.
        first: Finds passages for the first epoch, such as an index that is searched by words. In later epochs, or in
            all when None, the encoder does, as far as it is trained by then.
    """

    count: int = 1
    ranks: tuple[int, int] = (1, 50)
    margin: float = 0.95
    first: Retriever | None = None

    def __post_init__(self) -> None:
        low, high = self.ranks
        if self.count < 0 or not 1 <= low <= high:
            raise TrainingError(f"expected a count from 0 and ranks from 1, the lower one first, got {self}")


class Material:
    """Questions, and the texts of passages; passages with one text are one.

    Args:
        pairs: Questions with their passages.
        passages: All passages.

    Attributes:
        texts: The texts, each once.
        places: Of a passage's text among them, by the passage's id.
        positives: Places of the passages that answer each question.

    Raises:
        TrainingError: A question has no passage that answers it, one that is not there, or no other one.
    """

    def __init__(self, pairs: Sequence[Pair], passages: Sequence[Passage]) -> None:
        places: dict[str, int] = {}
        self.places = {passage.id: places.setdefault(passage.text, len(places)) for passage in passages}
        self.texts = list(places)
        self.questions = [pair.question for pair in pairs]
        self.positives = [self._positives(pair) for pair in pairs]
        self._searchable = [_searchable(text) for text in self.texts]
        self._answers = [[_searchable(answer) for answer in pair.answers if words_of(answer)] for pair in pairs]

    def answers(self, question: int, place: int) -> bool:
        """Whether an answer to a question stands in a text, word by word in any case."""
        return any(answer in self._searchable[place] for answer in self._answers[question])

    def matches(self, question: int, place: int) -> bool:
        """Whether a text is no negative of a question: it is said to answer it, or an answer stands in it."""
        return place in self.positives[question] or self.answers(question, place)

    def _positives(self, pair: Pair) -> tuple[int, ...]:
        unknown = [id for id in pair.positives if id not in self.places]
        if unknown or not pair.positives:
            wrong = f"there is no passage {unknown[0]!r}" if unknown else "no passage is said to answer it"
            raise TrainingError(f"question {pair.question!r}: {wrong}; give it one, or leave the question out")
        found = tuple(dict.fromkeys(self.places[id] for id in pair.positives))
        if len(found) == len(self.texts):
            raise TrainingError(f"question {pair.question!r}: every passage answers it, so there is no negative")
        return found


@dataclass
class Mined:
    """What was found for all questions.

    Args:
        negatives: Places of hard negatives, by question.
        found: Passages that were found, positives apart.
        answering: Those of them in which an answer stands: the false negatives that could be told.
        close: Those of the rest that were too close.
    """

    negatives: list[list[int]] = field(default_factory=list)
    found: int = 0
    answering: int = 0
    close: int = 0


def mine(material: Material, encoder: Encoder, mining: Mining, draw: random.Random, *, epoch: int) -> Mined:
    """Finds hard negatives.

    Args:
        material: Questions and passages.
        encoder: Gives the cosines; its vectors are of unit length.
        mining: How.
        draw: Draws those that are taken.
        epoch: From 0.
    """
    mined = Mined()
    if not mining.count:
        mined.negatives = [[] for _ in material.questions]
        return mined
    low, high = mining.ranks
    passages, questions = encoder.encode(material.texts), encoder.encode(material.questions)
    retriever = mining.first if epoch == 0 else None
    for number, question in enumerate(questions):
        cosines, positives = passages @ question, material.positives[number]
        limit = high + len(positives)
        found = _nearest(cosines, limit) if retriever is None else _hits(material, retriever, number, limit)
        wrong = [place for place in found if place not in positives][low - 1 : high]
        silent = [place for place in wrong if not material.answers(number, place)]
        kept = far_enough(silent, cosines, positives, mining.margin)
        mined.negatives.append(draw.sample(kept, min(mining.count, len(kept))))
        mined.found += len(wrong)
        mined.answering += len(wrong) - len(silent)
        mined.close += len(silent) - len(kept)
    return mined


def far_enough(places: Sequence[int], cosines: np.ndarray, positives: Collection[int], margin: float) -> list[int]:
    """The places whose cosine is at most a share `margin` of the nearest positive's.

    Args:
        places: Places of passages.
        cosines: Of a question with all passages. Shape: [passages].
        positives: Places of those that answer it.
        margin: The share.
    """
    nearest = max(cosines[place] for place in positives)
    bound = nearest - (1 - margin) * abs(nearest)
    return [place for place in places if cosines[place] <= bound]


def _nearest(cosines: np.ndarray, limit: int) -> list[int]:
    found: list[int] = np.argsort(-cosines, kind="stable")[:limit].tolist()
    return found


def _hits(material: Material, retriever: Retriever, number: int, limit: int) -> list[int]:
    hits = retriever.search(material.questions[number], limit)
    return list(dict.fromkeys(material.places[hit.id] for hit in hits if hit.id in material.places))


def _searchable(text: str) -> str:
    """The words between single spaces, so that a phrase is found at word boundaries only."""
    return f" {' '.join(words_of(text.casefold()))} "
