"""What a Doc carries beyond spaCy's own attributes: results of the tasks, passages and answers of a question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from spacy.tokens import Doc

from cascade.docs.answers import Answer
from cascade.docs.passages import Passage

_PASSAGES, _ANSWERS, _STAGES, _SCORES = "cascade_passages", "cascade_answers", "cascade_stages", "scores"
_DOMAIN = "cascade_domain"


SEARCH = "search"
"""Name of the stage under which a Doc keeps the scores of its hits."""


def register() -> None:
    """Register `doc._.cascade`, `doc._.passages`, `doc._.answers` and `doc._.domain`; again, it does nothing."""
    if not Doc.has_extension("cascade"):
        Doc.set_extension("cascade", getter=_results)
    if not Doc.has_extension("passages"):
        Doc.set_extension("passages", getter=passages, setter=set_passages)
    if not Doc.has_extension("answers"):
        Doc.set_extension("answers", getter=answers, setter=set_answers)
    if not Doc.has_extension("domain"):
        Doc.set_extension("domain", getter=domain, setter=set_domain)


def is_question(doc: Doc) -> bool:
    """Whether passages have been found, or set, for the Doc."""
    return _PASSAGES in doc.user_data


def passages(doc: Doc) -> list[Passage]:
    """The passages in which a question's answer is looked for; none when the Doc is no question."""
    return [Passage.from_json(values) for values in doc.user_data.get(_PASSAGES, ())]


def passage_texts(doc: Doc) -> list[str]:
    """The texts of the passages."""
    return [values["text"] for values in doc.user_data.get(_PASSAGES, ())]


def set_passages(doc: Doc, found: Iterable[Passage], scores: Sequence[float] | None = None) -> None:
    """Set `doc._.passages`, as plain values, so that Docs stay portable.

    Args:
        doc: The question.
        found: The passages, the best first.
        scores: What a search said of each; None if nothing is known. What it said of others is dropped.
    """
    doc.user_data.get(_STAGES, {}).pop(SEARCH, None)
    doc.user_data[_PASSAGES] = [passage.to_json() for passage in found]
    if scores is not None:
        set_stage(doc, SEARCH, {_SCORES: list(scores)})


def hit_scores(doc: Doc) -> list[float] | None:
    """Scores that the search gave the passages; None where none is known."""
    scores: list[float] | None = stage(doc, SEARCH).get(_SCORES)
    return scores


def answers(doc: Doc) -> list[Answer] | None:
    """The answers, the best first; none where there is no answer, None where that is not known."""
    stored = doc.user_data.get(_ANSWERS)
    return None if stored is None else [Answer.from_json(values) for values in stored]


def set_answers(doc: Doc, given: Iterable[Answer] | None) -> None:
    """Set `doc._.answers`; None takes them away."""
    if given is None:
        doc.user_data.pop(_ANSWERS, None)
    else:
        doc.user_data[_ANSWERS] = [answer.to_json() for answer in given]


def domain(doc: Doc) -> str | None:
    """The domain, or data set, that a text is from; None where that is not known."""
    name: str | None = doc.user_data.get(_DOMAIN)
    return name


def set_domain(doc: Doc, name: str | None) -> None:
    """Set `doc._.domain`; None takes it away."""
    if name is None:
        doc.user_data.pop(_DOMAIN, None)
    else:
        doc.user_data[_DOMAIN] = name


def search_scores(doc: Doc) -> list[float]:
    """Scores that the search gave the passages, relative to the best; 0 throughout where none is known."""
    scores = hit_scores(doc) or []
    best = max(map(abs, scores), default=0.0) or 1.0
    return [score / best for score in scores] or [0.0] * len(passage_texts(doc))


def stage(doc: Doc, task: str) -> dict[str, Any]:
    """What a stage of a question's cascade has predicted, by which the task is scored; empty without any."""
    found: dict[str, Any] = doc.user_data.get(_STAGES, {}).get(task, {})
    return found


def stages(doc: Doc) -> list[dict[str, Any]]:
    """What all stages have predicted."""
    return list(doc.user_data.get(_STAGES, {}).values())


def set_stage(doc: Doc, task: str, predicted: dict[str, Any]) -> None:
    """Keep what a stage has predicted, as plain values."""
    doc.user_data.setdefault(_STAGES, {})[task] = predicted


def _results(doc: Doc) -> dict[str, dict[str, Any]]:
    """`doc._.cascade[pipe][task]`: numpy arrays and plain Python, in `doc.user_data` so that Docs stay portable."""
    results: dict[str, dict[str, Any]] = doc.user_data.setdefault("cascade", {})
    return results
