"""Forgetting: what the tasks of a model have lost or won since it was another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cascade.evaluation import Interval, Table, compare
from cascade.evaluation.evaluate import predict_examples
from cascade.model import CascadeModel
from cascade.training.corpus import Corpus
from cascade.training.scoring import main_score


@dataclass(frozen=True, kw_only=True)
class Change:
    """A task on the dev Docs of a corpus, before and after.

    Attributes:
        corpus: Name of the corpus.
        task: Name of the task.
        metric: The task's main score.
        docs: Docs with gold.
        before: What it was.
        after: What it is.
        delta: After less before.
        by_doc: The mean over Docs of each Doc's own difference, with its 95 % interval by the paired bootstrap; None
            where the score is not defined for a single Doc.
        p: Two-sided p-value of the paired permutation test over Docs; None likewise.
        adjusted: The same, corrected after Holm for all tasks of the corpus; None likewise.
    """

    corpus: str
    task: str
    metric: str
    docs: int
    before: float
    after: float
    delta: float
    by_doc: Interval | None
    p: float | None
    adjusted: float | None


@dataclass(frozen=True)
class _Scored:
    """A task on some Docs.

    Args:
        metric: Name of its main score.
        value: That of all Docs.
        by_doc: That of every Doc; None where it is not defined, as a correlation of one pair.
    """

    metric: str
    value: float
    by_doc: list[float | None]


def forgetting(before: CascadeModel, after: CascadeModel, corpora: Sequence[Corpus], *, seed: int = 0) -> list[Change]:
    """Compare the scores of two models on the dev Docs of every corpus.

    Args:
        before: A model as it was.
        after: The same after further training, perhaps with more tasks.
        corpora: Corpora; those without dev Docs, or without gold for any of the tasks of `before`, are passed over.
        seed: Of resamples and permutations.

    Returns:
        One entry for every corpus and every task of `before` that it has gold for.
    """
    tasks = [name for name in before.usual if name in after.graph]
    return [
        change
        for corpus in corpora
        for change in _compared(corpus.name, *(_scored(model, corpus, tasks) for model in (before, after)), seed=seed)
    ]


def _scored(model: CascadeModel, corpus: Corpus, tasks: Sequence[str]) -> dict[str, _Scored]:
    found = {}
    for name, examples in predict_examples(model, corpus.dev, tasks).items():
        task = model.task(name)
        metric, value = main_score(task, task.score(examples))
        found[name] = _Scored(metric, value, [task.score([example])[metric] for example in examples])
    return found


def _compared(
    corpus: str, before: Mapping[str, _Scored], after: Mapping[str, _Scored], *, seed: int
) -> Iterator[Change]:
    tables: tuple[Table, Table] = {}, {}
    for name, old in before.items():
        for number, pair in enumerate(zip(old.by_doc, after[name].by_doc, strict=True)):
            for table, value in zip(tables, pair, strict=True):
                if None not in pair:
                    table.setdefault(str(number), {})[name] = float(value or 0.0)
    tested = {each.metric: each for each in compare(*tables, seed=seed)} if tables[0] else {}
    for name, old in before.items():
        test = tested.get(name)
        yield Change(
            corpus=corpus,
            task=name,
            metric=old.metric,
            docs=len(old.by_doc),
            before=old.value,
            after=after[name].value,
            delta=after[name].value - old.value,
            by_doc=None if test is None else test.difference,
            p=None if test is None else test.p,
            adjusted=None if test is None else test.adjusted,
        )
