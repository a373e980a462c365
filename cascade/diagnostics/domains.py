"""Domain shift: what a model scores, and how well it is calibrated, inside and outside of the domain it knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from cascade.diagnostics.reliability import BINS, Observed, observe, surest
from cascade.diagnostics.running import examples, parts_of, predict, require_gold, score
from cascade.errors import ConfigError
from cascade.evaluation import Interval, Temperature, ece, gold_tasks
from cascade.model import CascadeModel

RESAMPLES = 200
LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Side:
    """A task on the Docs of one domain, with 95 % bootstrap intervals over Docs.

    Attributes:
        docs: Docs with gold.
        score: The task's main score.
        ece: Expected calibration error; None where the task has no distribution over labels.
        brier: Mean squared distance of all probabilities of a row from what is right, from 0 to 2; None likewise.
    """

    docs: int
    score: Interval
    ece: Interval | None
    brier: Interval | None


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A task on two domains.

    Attributes:
        task: Its name.
        metric: Its main score.
        inside: Where it is at home; None without gold there.
        outside: Elsewhere; None without gold there.
        difference: Outside less inside, by figure; the domains are resampled each by itself.
    """

    task: str
    metric: str
    inside: Side | None
    outside: Side | None
    difference: Mapping[str, Interval]


@dataclass(frozen=True)
class _Drawn:
    """Figures of a task: of the Docs, and of each resample of them. Shape of the draws: [resamples]."""

    docs: int
    metric: str
    values: Mapping[str, float]
    draws: Mapping[str, np.ndarray]

    def interval(self, figure: str) -> Interval | None:
        return None if figure not in self.values else _interval(self.values[figure], self.draws[figure])


def shift(
    model: CascadeModel,
    inside: Sequence[Doc],
    outside: Sequence[Doc],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    words: int = 4000,
) -> list[Shift]:
    """Scores and calibration of every task on two sets of Docs, side by side.

    Intervals are those of the percentile bootstrap (Efron and Tibshirani 1993, chapter 13) over whole Docs, since words
    of one text are no independent draws.

    Args:
        model: The model.
        inside: Docs of the domain that it was trained on, but not these.
        outside: Docs of another one.
        resamples: How often Docs are drawn again; each task is scored as often.
        seed: Of the draws.
        words: Words per batch.

    Returns:
        One entry for each task with gold on either side, in graph order.

    Raises:
        ConfigError: There is no resample.
        DataError: On one of the sides no Doc has gold for any task.
    """
    if resamples < 1:
        raise ConfigError(f"expected 1 or more resamples, got {resamples}")
    home, away = (_measured(model, docs, resamples, seed + i, words) for i, docs in enumerate((inside, outside)))
    return [
        _compared(name, home.get(name), away.get(name)) for name in model.graph.order() if name in home or name in away
    ]


def _measured(model: CascadeModel, docs: Sequence[Doc], resamples: int, seed: int, words: int) -> dict[str, _Drawn]:
    require_gold(model, docs)
    parts = parts_of(model, docs, words)
    ordered = [doc for part in parts for doc in part.docs]
    observed = observe(model, parts)
    tasks = [name for name in model.usual if any(gold_tasks(doc, [model.task(name)]) for doc in docs)]
    found = predict(model, parts, tasks)
    drawn = {}
    for name in tasks:
        places = [i for i, doc in enumerate(ordered) if gold_tasks(doc, [model.task(name)])]
        made = examples(model, parts, found, name)
        drawn[name] = _drawn(model, name, made, _by_doc(observed.get(name), places), resamples, seed)
    return drawn


def _by_doc(observed: Observed | None, places: Sequence[int]) -> list[np.ndarray] | None:
    """Confidence, correctness and squared distance of the rows of each Doc. Shape of each: [rows, 3]."""
    if observed is None:
        return None
    chances = Temperature(value=1.0)(observed.logits)
    gold = np.zeros_like(chances)
    gold[np.arange(len(gold)), observed.labels] = 1.0
    rows = np.column_stack([*surest(chances, observed.labels), ((chances - gold) ** 2).sum(axis=1)])
    return [rows[observed.docs == place] for place in places]


def _drawn(
    model: CascadeModel,
    name: str,
    made: Sequence[Example],
    rows: Sequence[np.ndarray] | None,
    resamples: int,
    seed: int,
) -> _Drawn:
    def figures(chosen: Sequence[int]) -> dict[str, float]:
        values = {"score": score(model, [made[i] for i in chosen], name)[1]}
        if rows is not None:
            sure, right, distance = np.concatenate([rows[i] for i in chosen]).T
            values |= {"ece": ece(sure, right, bins=BINS), "brier": float(distance.mean()) if len(sure) else np.nan}
        return values

    rng = np.random.default_rng(seed)
    draws = [figures(rng.integers(len(made), size=len(made)).tolist()) for _ in range(resamples)]
    values = figures(range(len(made)))
    metric = score(model, made, name)[0]
    return _Drawn(len(made), metric, values, {key: np.array([own[key] for own in draws]) for key in values})


def _compared(name: str, home: _Drawn | None, away: _Drawn | None) -> Shift:
    both = (
        {}
        if home is None or away is None
        else {
            key: _interval(away.values[key] - home.values[key], away.draws[key] - home.draws[key])
            for key in home.values
            if key in away.values
        }
    )
    metric = next(drawn.metric for drawn in (home, away) if drawn is not None)
    return Shift(task=name, metric=metric, inside=_side(home), outside=_side(away), difference=both)


def _side(drawn: _Drawn | None) -> Side | None:
    if drawn is None:
        return None
    own = _interval(drawn.values["score"], drawn.draws["score"])
    return Side(docs=drawn.docs, score=own, ece=drawn.interval("ece"), brier=drawn.interval("brier"))


def _interval(value: float, draws: np.ndarray) -> Interval:
    low, high = np.nanquantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))
