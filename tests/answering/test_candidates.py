from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cascade.answering import Answering, Candidates, Labelled
from cascade.answering.candidates import distinct
from cascade.data.answers import exact_match, token_f1
from cascade.errors import DataError
from cascade.retrieval import Document, split
from tests.answering.made import candidates


def test_size_and_passages() -> None:
    made = candidates(["a", "b", "c"], [4, 0, 4], read=[1, 2, 3])
    assert (len(made), made.passages) == (3, 2)
    assert (len(candidates([])), candidates([]).passages) == (0, 0)


def test_what_cannot_be() -> None:
    made = candidates(["a", "b"], read=[1, 2])
    with pytest.raises(DataError, match=r"expected 2 values of 'null', one a text, got shape \(3,\)"):
        candidates(["a", "b"], read=[1, 2], null=[1, 2, 3])
    with pytest.raises(DataError, match="expected 2 values of 'first'"):
        replace(made, first=np.zeros((2, 1), int))
    for wrong in (np.nan, np.inf, -np.inf):
        with pytest.raises(DataError, match="'read' has a score that is not finite; leave out"):
            candidates(["a", "b"], read=[1, wrong])
    for change in ({"last": made.first}, {"first": made.first - 1}, {"passage": np.array([0, -1])}):
        with pytest.raises(DataError, match="spans of one character or more"):
            replace(made, **change)


def test_grades() -> None:
    made = candidates(["the red ferry", "red ferry", "ferry", "the"])
    labelled = Labelled(candidates=made, answers=("red ferry", "blue boat"))
    assert labelled.graded(exact_match).tolist() == [1, 1, 0, 0]
    assert labelled.graded(token_f1) == pytest.approx([1, 1, 2 / 3, 0])


def test_nothing_answers_a_question_without_answer() -> None:
    """Not even a text of which normalisation leaves nothing, which the official script takes for "no answer"."""
    assert exact_match("the", ()) == 1
    assert Labelled(candidates=candidates(["the", "ferry"]), answers=()).graded(exact_match).tolist() == [0, 0]


def test_a_span_that_overlapping_passages_share_counts_once() -> None:
    """The middle one of three sentences stands in both passages; that of the better score stays."""
    document = Document.from_text("A pier. The ferry. A ferry.", id="harbour")
    first, second = split(document, lambda text: [(0, 8), (8, 19), (19, 27)], words=4, overlap=1)
    assert (first.text, second.text) == ("A pier. The ferry.", "The ferry. A ferry.")
    made = Candidates(
        passage=np.array([0, 1, 1]),
        first=np.array([12, 4, 13]),
        last=np.array([17, 9, 18]),
        texts=("ferry",) * 3,
        scores={"read": np.array([1.0, 2.0, 0.0])},
    )
    left = distinct(made, [first, second], made.scores["read"])
    assert (left.first.tolist(), left.passage.tolist(), left.scores["read"].tolist()) == ([4, 13], [1, 1], [2, 0])
    assert distinct(made, [first, second], -made.scores["read"]).first.tolist() == [12, 13]
    assert len(distinct(candidates([]), [], np.zeros(0))) == 0
    twice, once = Answering().decide(made), Answering().decide(made, [first, second])
    assert twice.groups[0].members == (1, 0, 2)
    assert once.groups[0].members == (0, 1)
    assert once.groups[0].probability < twice.groups[0].probability
