from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from cascade.docs import Passage
from cascade.errors import TrainingError
from cascade.retrieval.memory import MemoryRetriever
from cascade.training.mining import Material, Mined, Mining, Pair, far_enough, mine
from tests.retrieval.made import passage

PASSAGES = [
    passage("lamp#0", "The lamp was lit in 1902 by Ida Holm."),
    passage("lamp#1", "Ida Holm kept the lamp for years."),
    passage("lamp#2", "The lamp was lit in the autumn."),
    passage("boat#0", "A boat of oak lies in our harbour."),
    passage("copy#0", "The lamp was lit in 1902 by Ida Holm."),
]
WHO = Pair(question="Who lit the lamp?", positives=("lamp#0",), answers=("Ida Holm",))


class Angles:
    """An encoder whose vectors stand at given angles, in degrees."""

    fingerprint = "angles"

    def __init__(self, angles: Mapping[str, float]) -> None:
        self.angles = angles

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        turned = [math.radians(self.angles[text]) for text in texts]
        return np.array([[math.cos(angle), math.sin(angle)] for angle in turned], dtype=np.float32)


def angles(**more: float) -> Angles:
    """The question at 0, its passage at 10, the others farther and farther away."""
    texts = dict(zip((p.text for p in PASSAGES), (10, 20, 30, 40), strict=False))
    return Angles({WHO.question: 0, **texts, **more})


def mined(passages: Sequence[Passage] = PASSAGES, encoder: Angles | None = None, epoch: int = 1, **how: Any) -> Mined:
    material = Material([WHO], passages)
    return mine(material, encoder or angles(), Mining(**how), random.Random(0), epoch=epoch)


def test_passages_with_one_text_are_one() -> None:
    material = Material([WHO, Pair(question="", positives=("copy#0", "lamp#0", "boat#0"))], PASSAGES)
    assert len(material.texts) == 4 and material.places["copy#0"] == material.places["lamp#0"] == 0
    assert material.positives == [(0,), (0, 3)]


@pytest.mark.parametrize(
    ("answers", "found"),
    [(("Ida Holm",), [0, 1]), (("ida  HOLM",), [0, 1]), (("Ida Hol",), []), (("oak", "1902"), [0, 3]), ((" ", ""), [])],
)
def test_answers_are_whole_words_in_any_case(answers: tuple[str, ...], found: list[int]) -> None:
    material = Material([Pair(question="", positives=("lamp#0",), answers=answers)], PASSAGES)
    assert [place for place in range(4) if material.answers(0, place)] == found


def test_the_nearest_without_an_answer() -> None:
    """Of those found, `lamp#1` holds the answer, and `lamp#2` is the nearest of the rest."""
    found = mined(count=1, ranks=(1, 2))
    assert found == Mined(negatives=[[2]], found=2, answering=1, close=0)


def test_those_that_are_too_close() -> None:
    """cos 30 is .879 of cos 10, and cos 40 is .778 of it."""
    assert mined(count=5, margin=0.87) == Mined(negatives=[[3]], found=3, answering=1, close=1)
    assert sorted(mined(count=5, margin=0.89).negatives[0]) == [2, 3]


def test_ranks_do_not_count_positives() -> None:
    assert mined(count=5, ranks=(3, 3)).negatives == [[3]]
    assert mined(count=5, ranks=(4, 9)) == Mined(negatives=[[]])


def test_words_find_in_the_first_epoch() -> None:
    """The boat shares no word with the question; the encoder would have it nearest."""
    encoder, words = angles(**{PASSAGES[3].text: 15}), MemoryRetriever(PASSAGES)
    assert mined(encoder=encoder, epoch=0, first=words, count=5, margin=1).negatives == [[2]]
    assert sorted(mined(encoder=encoder, epoch=1, first=words, count=5, margin=1).negatives[0]) == [2, 3]


def test_none_are_wanted() -> None:
    assert mined(count=0) == Mined(negatives=[[]])


def test_what_is_drawn_follows_from_the_seed() -> None:
    several = [passage(f"p#{i}", f"Passage {i}.") for i in range(50)]
    encoder = angles(**{p.text: 20 + i for i, p in enumerate(several)})
    first, again = (mined([PASSAGES[0], *several], encoder, count=5) for _ in range(2))
    assert first == again and len(set(first.negatives[0])) == 5 and 0 not in first.negatives[0]


@pytest.mark.parametrize(("margin", "kept"), [(1.0, [1, 2, 3]), (0.5, [2, 3]), (math.inf, [0, 1, 2, 3])])
def test_margins(margin: float, kept: list[int]) -> None:
    assert far_enough([0, 1, 2, 3], np.array([0.9, 0.6, 0.4, -0.2, 0.8, 0.1]), [4, 5], margin) == kept


def test_the_margin_of_a_positive_that_points_away() -> None:
    assert far_enough([0, 1], np.array([-0.41, -0.39, -0.4]), [2], 0.99) == [0]


@pytest.mark.parametrize(
    ("pair", "passages", "message"),
    [
        (Pair(question="Why?", positives=()), PASSAGES, "'Why\\?': no passage is said to answer it"),
        (Pair(question="Why?", positives=("lamp#0", "x")), PASSAGES, "'Why\\?': there is no passage 'x'"),
        (Pair(question="Why?", positives=("lamp#0",)), [PASSAGES[0], PASSAGES[4]], "no negative"),
    ],
)
def test_questions_that_teach_nothing(pair: Pair, passages: list[Passage], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        Material([pair], passages)


@pytest.mark.parametrize("how", [{"count": -1}, {"ranks": (0, 5)}, {"ranks": (5, 4)}])
def test_settings_without_sense(how: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="ranks from 1"):
        Mining(**how)
