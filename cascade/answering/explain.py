"""Explanations: why an answer was given, stage by stage, and what would have been without one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cascade.answering.decisions import Decision, Group
from cascade.answering.fusion import stage_of
from cascade.answering.settings import Answering

Terms = Callable[[int], Mapping[str, float]]
"""Gives the terms of the question that match a passage, and what each adds to its lexical score, by its number."""


def explain(answering: Answering, decision: Decision, *, terms: Terms | None = None, top: int = 3) -> dict[str, Any]:
    """Why a question was decided as it was, as plain values.

    Args:
        answering: The settings that made the decision.
        decision: The decision.
        terms: What an index tells of a passage: `lambda number: index.explain(question, passages[number].id)`.
        top: How many answers are explained.

    Returns:
        `no_answer_probability`, `refusal` (None without candidates), `abstained`; `answers`, of the best groups `text`,
        `confidence`, `probability`, number of the `passage`, matching `terms`, `stages` (by name: `contribution` to the
        fused score and the `scores` behind it), `evidence` and `support` (by number of passage); and `without`: by
        stage the `text` that would have won without it, and whether that `changed` anything.
    """
    answers = [_answer(decision, group, terms) for group in decision.groups[:top]]
    return {
        "no_answer_probability": decision.no_answer_probability,
        "refusal": decision.refusal if decision.groups else None,
        "abstained": decision.abstained,
        "answers": answers,
        "without": without(answering, decision),
    }


def without(answering: Answering, decision: Decision) -> dict[str, dict[str, Any]]:
    """What would have won without each stage that had a say, and without aggregation; nothing without candidates."""
    if decision.best is None:
        return {}
    won = answering.normalize(decision.text(decision.best))
    stages = dict.fromkeys(stage_of(feature) for feature in decision.contributions)
    winners = {}
    for stage in (*stages, "aggregation"):
        other = answering.without(stage).decide(decision.candidates)
        text = other.text(other.groups[0])
        winners[stage] = {"text": text, "changed": answering.normalize(text) != won}
    return winners


def _answer(decision: Decision, group: Group, terms: Terms | None) -> dict[str, Any]:
    passage = int(decision.candidates.passage[group.best])
    return {
        "text": decision.text(group),
        "confidence": group.confidence,
        "probability": group.probability,
        "passage": passage,
        "terms": dict(terms(passage)) if terms else {},
        "stages": stages(decision, group.best),
        "evidence": dict(group.evidence),
        "support": {str(number): mass for number, mass in group.support.items()},
    }


def stages(decision: Decision, candidate: int) -> dict[str, dict[str, Any]]:
    """What each stage says of a candidate: its `scores` as they are, and its `contribution` to the fused score."""
    found: dict[str, dict[str, Any]] = {}
    for name, values in decision.candidates.scores.items():
        stage = "read" if name == "null" else stage_of(name)
        found.setdefault(stage, {"scores": {}, "contribution": 0.0})["scores"][name] = float(values[candidate])
    for name, values in decision.contributions.items():
        found[stage_of(name)]["contribution"] += float(values[candidate])
    return found


def render(explanation: Mapping[str, Any]) -> RenderableType:
    """An explanation as rich shows it: a table of answers by stage, and lines on what decided."""
    lines: list[RenderableType] = [_table(explanation["answers"])] if explanation["answers"] else []
    for answer in explanation["answers"]:
        if answer["terms"]:
            matched = ", ".join(f"{term} {weight:.2f}" for term, weight in answer["terms"].items())
            lines.append(Text(f"{answer['text']!r}: matches {matched}"))
    for stage, winner in explanation["without"].items():
        if winner["changed"]:
            lines.append(Text(f"without {stage}: {winner['text']!r} would have won"))
    verdict = "no answer is given" if explanation["abstained"] else "an answer is given"
    lines.append(Text(f"probability of no answer {explanation['no_answer_probability']:.2f}: {verdict}"))
    return Lines(*lines)


def _table(answers: list[dict[str, Any]]) -> Table:
    names = list(dict.fromkeys(stage for answer in answers for stage in answer["stages"]))
    table = Table("answer", "confidence", *names, "passages", header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for answer in answers:
        parts = [answer["stages"].get(name) for name in names]
        shown = ["" if part is None else f"{part['contribution']:+.2f}" for part in parts]
        table.add_row(Text(answer["text"]), f"{answer['confidence']:.2f}", *shown, str(len(answer["support"])))
    return table
