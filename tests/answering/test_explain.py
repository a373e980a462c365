from __future__ import annotations

import json
from collections.abc import Mapping
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from cascade.answering import Answering, Decision, Fusion, Weight, explain, render
from tests.answering.made import candidates

ANSWERING = Answering(fusion=Fusion(weights={"margin": Weight(weight=1), "retrieve": Weight(weight=2, mean=1)}))


@pytest.fixture
def decision() -> Decision:
    """ "ferry [red]" stands in the passage that retrieval likes, "boat" has the better read logit."""
    made = candidates(
        ["ferry [red]", "boat", "Boat"],
        [3, 1, 2],
        search=[2, 4, 1],
        retrieve=[2, -1, 0],
        read=[3, 4, 1],
        null=[1, 1, 1],
        length=[2, 1, 1],
    )
    return ANSWERING.decide(made)


def terms(passage: int) -> Mapping[str, float]:
    return {3: {"sails": 1.5, "red": 0.25}}.get(passage, {})


def test_as_plain_values(decision: Decision) -> None:
    explained = explain(ANSWERING, decision, terms=terms, top=2)
    assert json.loads(json.dumps(explained, allow_nan=False)) == explained
    ferry, boat = explained["answers"]
    assert (ferry["text"], ferry["passage"], ferry["terms"]) == ("ferry [red]", 3, {"sails": 1.5, "red": 0.25})
    assert (boat["text"], boat["passage"], boat["terms"]) == ("boat", 1, {})
    assert ferry["stages"] == {
        "search": {"scores": {"search": 2}, "contribution": 0},
        "retrieve": {"scores": {"retrieve": 2}, "contribution": 2},
        "read": {"scores": {"read": 3, "null": 1}, "contribution": 2},
        "length": {"scores": {"length": 2}, "contribution": 0},
    }
    assert boat["stages"]["retrieve"]["contribution"] == -4
    assert set(boat["support"]) == {"1", "2"}
    assert explained["abstained"] is False
    assert explained["refusal"] == decision.refusal
    assert len(explain(ANSWERING, decision, top=1)["answers"]) == 1
    assert explain(ANSWERING, decision)["answers"][0]["terms"] == {}


def test_contributions_add_up(decision: Decision) -> None:
    for group, answer in zip(decision.groups, explain(ANSWERING, decision)["answers"], strict=True):
        total = sum(stage["contribution"] for stage in answer["stages"].values())
        assert total == pytest.approx(decision.scores[group.best])


def test_what_would_have_won(decision: Decision) -> None:
    """Worked by hand: without retrieval "boat" has 3 + ... against 2; without reading retrieval decides alone."""
    assert explain(ANSWERING, decision)["without"] == {
        "read": {"text": "ferry [red]", "changed": False},
        "retrieve": {"text": "boat", "changed": True},
        "aggregation": {"text": "ferry [red]", "changed": False},
    }


def test_what_aggregation_changes() -> None:
    made = candidates(["boat", "ferry", "The ferry"], [0, 1, 2], read=[2, 1.9, 1.9])
    decision = ANSWERING.decide(made)
    assert decision.prediction == "ferry"
    assert explain(ANSWERING, decision)["without"]["aggregation"] == {"text": "boat", "changed": True}


def shown(explained: Mapping[str, object]) -> str:
    console = Console(file=StringIO(), width=120)
    with console.capture() as captured:
        console.print(render(explained))
    return captured.get()


def test_as_text(decision: Decision) -> None:
    text = shown(explain(ANSWERING, decision, terms=terms))
    assert "'ferry [red]': matches sails 1.50, red 0.25" in text
    assert "without retrieve: 'boat' would have won" in text
    assert "without read" not in text
    assert "an answer is given" in text
    row = next(line for line in text.splitlines() if line.startswith("│ ferry [red]"))
    assert [cell.strip() for cell in row.split("│")[3:-1]] == ["+0.00", "+2.00", "+2.00", "+0.00", "1"]


def test_without_candidates() -> None:
    nothing = candidates([], read=[])
    explained = explain(ANSWERING, ANSWERING.decide(nothing))
    assert explained == {
        "no_answer_probability": 1,
        "refusal": None,
        "abstained": True,
        "answers": [],
        "without": {},
    }
    assert "probability of no answer 1.00: no answer is given" in shown(explained)
    assert not np.isfinite(ANSWERING.decide(nothing).refusal)
