"""Calibration of a model's tasks on held-out Docs, thresholds of labels, and what both change downstream."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor

from cascade.diagnostics.reliability import Measures, measures, observe
from cascade.diagnostics.running import Part, outputs, parts_of, require_gold
from cascade.diagnostics.thresholds import Mode, fit_threshold
from cascade.errors import ConfigError, DataError
from cascade.evaluation import fit_isotonic, score_tasks
from cascade.evaluation.calibration import COLDEST, HOTTEST
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.nn.recalibration import Curve, Method, Recalibration
from cascade.tasks import Task
from cascade.tasks.thresholds import decided, moved
from cascade.training.scoring import main_score

ENOUGH = 1000
"""Rows with gold that isotonic regression wants."""

_PRECISION = 1e-3  # of the logarithm of a temperature

Seen = list[tuple[Output, Mapping[str, Tensor]]]
"""Outputs of a task without calibration, and its gold, batch by batch."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What was fitted for a task.

    Attributes:
        task: Its name.
        rows: Rows with gold that it was fitted on.
        temperature: What scores are divided by; None where a curve does all.
        points: Points of the curve; None where the temperature does all.
        threshold: Probability from which a label counts as predicted, one for all or one for each; None where the
            task has none.
    """

    task: str
    rows: int
    temperature: float | None
    points: int | None
    threshold: float | tuple[float, ...] | None


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What calibration changed of a task.

    Attributes:
        task: Its name; a parser's heads are an entry of their own, `NAME heads`.
        before: How well its probabilities were calibrated; None where it has no distribution over labels.
        after: How well they are.
        metric: Its main score; None for heads.
        score_before: What it was.
        score_after: What it is.
    """

    task: str
    before: Measures | None
    after: Measures | None
    metric: str | None
    score_before: float | None
    score_after: float | None


@dataclass(frozen=True, kw_only=True)
class CalibrationReport:
    """What `calibrate` did.

    Attributes:
        method: `temperature` or `isotonic`.
        fitted: By task, in graph order.
        effects: Of every task with gold in the Docs that it was checked on, in graph order.
    """

    method: Method
    fitted: list[Fitted]
    effects: list[Effect]


def calibrate(
    model: CascadeModel,
    docs: Sequence[Doc],
    *,
    tasks: Iterable[str] | None = None,
    method: Method = "temperature",
    edges: bool = True,
    thresholds: Mode | None = None,
    check: Sequence[Doc] = (),
    words: int = 4000,
) -> CalibrationReport:
    """Calibrate tasks of a model, from then on and wherever it is saved to (Guo et al. 2017, section 4.2).

    In graph order, for what an edge brings changes with what it comes from. What a task itself predicts stays: the
    most probable label, the best sequence, the best tree, the labels above a threshold, which moves along.

    Args:
        model: The model; its `calibration` is replaced for these tasks.
        docs: Docs with gold that it was not trained on.
        tasks: Names; all that the method fits and that the Docs have gold for when None.
        method: `temperature` divides the scores by the number of the highest likelihood; of a chain of tags they are
            those of whole sequences and the likelihood that of single tags, of a parser those of arcs and relations.
            `isotonic` takes what a label's probability becomes from a rising curve, one for all labels of the task;
            for tasks that classify rows, with 1,000 rows or more.
        edges: Whether `Labels` edges out of these tasks weigh label embeddings by calibrated probabilities.
        thresholds: Whether thresholds of labels that are decided one by one are fitted too, for the best F1: one for
            each `label`, or a `common` one for the best mean over labels.
        check: Other Docs with gold, on which the effect is measured.
        words: Words per batch.

    Raises:
        ConfigError: There is no such task or method, or the method does not fit a task.
        DataError: The Docs have no gold for a task, or too little.
    """
    chosen = _chosen(model, tasks, method)
    parts = parts_of(model, docs, words)
    rows = {name: sum(_rows(model.task(name), part) for part in parts) for name in chosen}
    names = [name for name in chosen if rows[name]]
    _require_rows(names if tasks is None else chosen, rows, method)
    before = _measured(model, check, words)
    for name in names:
        old = model.calibration.pop(name, None)
        by = _fit(model.task(name), _seen(model, name, parts), method, edges)
        model.calibration[name] = by
        task = model.task(name)
        if decided(task):
            task.threshold = moved(task.threshold, old, by)
            if thresholds is not None:
                task.threshold = fit_threshold(task, _seen(model, name, parts), thresholds)
    after = _measured(model, check, words)
    fitted = [_described(model, name, rows[name]) for name in names]
    return CalibrationReport(method=method, fitted=fitted, effects=_effects(model, before, after))


def _chosen(model: CascadeModel, tasks: Iterable[str] | None, method: Method) -> list[str]:
    """The tasks that are to be calibrated, in graph order."""
    known = model.graph.order()
    fit = [name for name in known if method in model.task(name).calibrations]
    if tasks is None:
        if not fit:
            raise ConfigError(f"{method} calibration fits none of the tasks {', '.join(known)}")
        return fit
    wanted = list(tasks)
    if strangers := [name for name in wanted if name not in known]:
        raise ConfigError(f"the model has no task {', '.join(strangers)}: it has {', '.join(known)}")
    for name in wanted:
        able = model.task(name).calibrations
        if method not in able:
            kind = type(model.task(name)).__name__
            other = f"choose {' or '.join(able)}" if able else "leave it out"
            raise ConfigError(f"{method} calibration does not fit the task {name!r} ({kind}): {other}")
    return [name for name in known if name in wanted]


def _rows(task: Task, part: Part) -> int:
    targets = part.batch.targets.get(task.name)
    return 0 if targets is None else int(task.gold(targets)[1].sum())


def _require_rows(names: Sequence[str], rows: Mapping[str, int], method: Method) -> None:
    least = ENOUGH if method == "isotonic" else 1
    short = [f"{rows[name]:,} for {name}" for name in names if rows[name] < least]
    if short or not names:
        mend = ", or take temperature" if method == "isotonic" else ""
        raise DataError(
            f"{method} calibration wants {least:,} rows with gold or more, got {', '.join(short) or 'none'}: name more "
            f"files{mend}"
        )


def _seen(model: CascadeModel, name: str, parts: Sequence[Part]) -> Seen:
    known = [part for part in parts if name in part.batch.targets]
    return [(outputs(model, part, [name])[name], part.batch.targets[name]) for part in known]


@torch.no_grad()
def _fit(task: Task, seen: Seen, method: Method, edges: bool) -> Recalibration:
    if method == "isotonic":
        return Recalibration(curve=_curve(task, seen), edges=edges)
    return Recalibration(temperature=_temperature(task, seen), edges=edges)


def _temperature(task: Task, seen: Seen) -> float:
    """The temperature of the highest likelihood; 1 where none is better."""
    from scipy.optimize import minimize_scalar

    def surprisal(logarithm: float) -> float:
        by = Recalibration(temperature=math.exp(logarithm))
        own = [task.surprisal(task.calibrated(output, by), targets) for output, targets in seen]
        return float(torch.cat(own).double().mean())

    bounds = math.log(COLDEST), math.log(HOTTEST)
    found = minimize_scalar(surprisal, bounds=bounds, method="bounded", options={"xatol": _PRECISION})
    return math.exp(found.x) if found.fun < surprisal(0.0) else 1.0


def _curve(task: Task, seen: Seen) -> Curve:
    """What becomes of the probability of a label, any label against the others."""
    chances, right = [], []
    for output, targets in seen:
        gold, known = task.gold(targets)
        kept = known & output.rows.alive
        chances.append(task.distribution(output)[kept].flatten().cpu().numpy())
        right.append(gold[kept].flatten().cpu().numpy())
    fitted = fit_isotonic(np.concatenate(chances), np.concatenate(right))
    return Curve.through(fitted.scores, fitted.probabilities)


def _described(model: CascadeModel, name: str, rows: int) -> Fitted:
    by, task = model.calibration[name], model.task(name)
    return Fitted(
        task=name,
        rows=rows,
        temperature=by.temperature if by.curve is None else None,
        points=None if by.curve is None else len(by.curve.given),
        threshold=task.threshold if decided(task) else None,
    )


_Measured = tuple[dict[str, Measures], dict[str, tuple[str, float]]]


def _measured(model: CascadeModel, docs: Sequence[Doc], words: int) -> _Measured:
    """Calibration by task, and name and value of its main score."""
    if not docs:
        return {}, {}
    require_gold(model, docs)
    found = {name: measures(own) for name, own in observe(model, parts_of(model, docs, words)).items()}
    scores = score_tasks(model, docs, words=words)
    return found, {name: main_score(model.task(name), own) for name, own in scores.items()}


def _effects(model: CascadeModel, before: _Measured, after: _Measured) -> list[Effect]:
    names = [key for name in model.graph.order() for key in (name, f"{name} heads")]
    return [
        Effect(
            task=name,
            before=before[0].get(name),
            after=after[0].get(name),
            metric=before[1][name][0] if name in before[1] else None,
            score_before=before[1][name][1] if name in before[1] else None,
            score_after=after[1][name][1] if name in after[1] else None,
        )
        for name in names
        if name in before[0] or name in before[1]
    ]
