from __future__ import annotations

import json
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cascade.answering import Answering, Attribution, Decision, Outcome, attribute
from cascade.answering.attribution import MEANINGS, holds
from tests.answering.made import candidates

FOUND = ["A pier of stone.", "The ferry is red.", "A red boat sails."]


def decided(texts: list[str], *, null: float = 0.0) -> Decision:
    """The earlier a text, the better its score."""
    return Answering().decide(candidates(texts, read=[3.0 - i for i in range(len(texts))], null=[null] * len(texts)))


@pytest.mark.parametrize(
    ("answers", "texts", "null", "kept", "outcome"),
    [
        (["train"], ["pier", "ferry"], 0, {0, 1}, Outcome.NOT_RETRIEVED),
        (["red boat"], ["pier", "ferry"], 0, {0, 1}, Outcome.PRUNED),
        (["ferry"], ["pier", "stone"], 0, {0, 1}, Outcome.NOT_READ),
        (["ferry"], ["pier", "The Ferry"], 0, {0, 1}, Outcome.OUTVOTED),
        (["ferry"], ["the ferry", "pier"], 9, {0, 1}, Outcome.WRONGLY_ABSTAINED),
        (["ferry"], ["the ferry", "pier"], 0, {0, 1}, Outcome.RIGHT),
        ([], ["ferry"], 0, {0, 1}, Outcome.ANSWERED_UNANSWERABLE),
        ([], ["ferry"], 9, {0, 1}, Outcome.RIGHT),
        # An earlier stage is to blame, whatever the later ones make of it.
        (["train"], ["pier"], 9, {0, 1}, Outcome.NOT_RETRIEVED),
        (["ferry"], ["pier", "ferry"], 9, {0, 1}, Outcome.OUTVOTED),
        (["ferry"], [], 0, {0, 1}, Outcome.NOT_READ),
        (["ferry"], [], 0, set(), Outcome.PRUNED),
        # Another gold answer is as good.
        (["train", "pier"], ["ferry"], 0, {0, 1}, Outcome.NOT_READ),
    ],
)
def test_the_first_stage_that_lost_it(
    answers: list[str], texts: list[str], null: float, kept: set[int], outcome: Outcome
) -> None:
    assert attribute(answers, decided(texts, null=null), FOUND, kept) is outcome


def test_holding() -> None:
    assert holds("It's the RED, ferry!", ["blue boat", "red ferry"])
    assert not holds("The ferryman is red.", ["ferry"])
    assert not holds("The ferry", ["the", ""])
    assert not holds("", ["ferry"])


@given(
    st.lists(st.sampled_from(["ferry", "boat", "pier", "stone", "train"]), max_size=3),
    st.lists(st.sampled_from(["ferry", "boat", "pier", "stone"]), max_size=3),
    st.sampled_from([0.0, 9.0]),
    st.sets(st.integers(0, 2)),
)
def test_every_question_has_one_outcome(answers: list[str], texts: list[str], null: float, kept: set[int]) -> None:
    """And it is right just when what is given is; a candidate comes from a passage that was kept."""
    decision = decided(texts, null=null)
    outcome = attribute(answers, decision, FOUND, kept)
    right = decision.prediction in answers if answers else decision.abstained
    assert (outcome is Outcome.RIGHT) == right
    if outcome is Outcome.NOT_RETRIEVED:
        assert not any(answer in " ".join(FOUND) for answer in answers)


def test_the_table() -> None:
    outcomes = {"a": Outcome.RIGHT, "b": Outcome.PRUNED, "c": Outcome.RIGHT}
    attribution = Attribution(outcomes=outcomes)
    assert list(attribution.counts.values()) == [0, 1, 0, 0, 0, 0, 2]
    console = Console(file=StringIO(), width=120)
    with console.capture() as captured:
        console.print(attribution.table())
    rows = [[cell.strip() for cell in line.split("│")[1:4]] for line in captured.get().splitlines() if "│" in line]
    assert rows == [[o.value, str(n), f"{100 * n / 3:.1f}"] for o, n in attribution.counts.items()]
    assert json.loads(json.dumps(attribution.to_json())) == {
        "counts": {outcome.value: count for outcome, count in attribution.counts.items()},
        "questions": {"a": "right", "b": "pruned", "c": "right"},
    }
    assert set(MEANINGS) == set(Outcome)


def test_no_question() -> None:
    assert sum(Attribution(outcomes={}).counts.values()) == 0
    assert Attribution(outcomes={}).table().row_count == len(Outcome)
