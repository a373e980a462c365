"""Scores of a model on annotated Docs: it predicts on bare copies, so that no gold can leak into an edge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spacy.tokens import Doc, SpanGroup
from spacy.training import Example

from cascade import docs as documents
from cascade.data.batches import by_length
from cascade.evaluation.gold import gold_tasks
from cascade.model import CascadeModel


def evaluate(
    model: CascadeModel, docs: Sequence[Doc], tasks: Iterable[str] | None = None, *, words: int = 4000
) -> dict[str, float]:
    """Score a model: the figures of all tasks in one mapping.

    Args:
        model: The model.
        docs: Docs with gold for some of the tasks.
        tasks: Names; all tasks when None.
        words: Words per batch.

    Returns:
        Scores with the keys of spaCy's Scorer, without those broken down by type. Where two tasks share a key, it is
        the figure of the later one in graph order.
    """
    return flatten(score_tasks(model, docs, tasks, words=words))


def flatten(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """What `score_tasks` gave, in one mapping; see `evaluate`."""
    return {key: float(v) for own in scores.values() for key, v in own.items() if isinstance(v, int | float)}


def score_tasks(
    model: CascadeModel, docs: Sequence[Doc], tasks: Iterable[str] | None = None, *, words: int = 4000
) -> dict[str, dict[str, Any]]:
    """Score a model task by task, each on the Docs that have gold for it.

    Args:
        model: The model.
        docs: Docs with gold for some of the tasks.
        tasks: Names; all but auxiliary tasks when None.
        words: Words per batch.

    Returns:
        What each task's `score` gives, by task in graph order; tasks without gold in any Doc are absent.
    """
    found = predict_examples(model, docs, tasks, words=words)
    return {name: model.task(name).score(examples) for name, examples in found.items()}


def predict_examples(
    model: CascadeModel, docs: Sequence[Doc], tasks: Iterable[str] | None = None, *, words: int = 4000
) -> dict[str, list[Example]]:
    """Predictions beside the gold, for what is to be scored; arguments as for `score_tasks`.

    Returns:
        By task in graph order, those of the Docs that have gold for it, in their order; tasks without any are absent.
    """
    wanted = set(model.usual if tasks is None else tasks)
    order = [model.task(name) for name in model.graph.order() if name in wanted]
    known = [gold_tasks(doc, order) for doc in docs]
    examples = [Example(bare_copy(doc), doc) for doc in docs]
    for names in dict.fromkeys(known):
        alike = [example.predicted for example, theirs in zip(examples, known, strict=True) if theirs == names]
        for places in by_length([documents.size(doc) for doc in alike], words) if names else ():
            _annotate(model, [alike[i] for i in places], names)
    with_gold = {t.name: [e for e, names in zip(examples, known, strict=True) if t.name in names] for t in order}
    return {name: found for name, found in with_gold.items() if found}


def bare_copy(doc: Doc) -> Doc:
    """A copy with words, spaces, the two texts of a pair, the passages of a question as found; nothing else."""
    bare = Doc(doc.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc])
    if documents.is_pair(doc):
        spans = [bare[span.start : span.end] for span in doc.spans[documents.PAIR]]
        bare.spans[documents.PAIR] = SpanGroup(bare, name=documents.PAIR, spans=spans)
    if documents.is_question(doc):
        documents.set_passages(bare, documents.passages(doc), documents.hit_scores(doc))
    return bare


def _annotate(model: CascadeModel, docs: Sequence[Doc], names: Sequence[str]) -> None:
    for doc, predictions in zip(docs, model.predict(docs, tasks=names), strict=True):
        for name in names:
            model.task(name).annotate(doc, predictions[name])
