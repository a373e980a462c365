"""Error propagation: what tasks score with gold, predicted and corrupted labels upstream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import torch
from spacy.tokens import Doc
from torch import Tensor

from cascade.diagnostics.running import Found, Part, examples, parts_of, predict, require_gold, score, with_gold
from cascade.errors import ConfigError
from cascade.graph import Hidden
from cascade.model import CascadeModel
from cascade.nn.rows import MISSING

SHARES = (0.1, 0.3)


@dataclass(frozen=True, kw_only=True)
class Propagation:
    """What a task scores, by what stands upstream of it.

    Attributes:
        upstream: The task whose labels are replaced; None: all of them.
        downstream: The task that is scored.
        metric: Its main score.
        docs: Docs with gold for both, on which it is scored.
        predicted: With what the model predicts upstream.
        gold: With gold in its place; less `predicted`, this is what upstream errors cost.
        corrupted: With gold of which a share is replaced at random, by that share; empty where labels cannot be.
    """

    upstream: str | None
    downstream: str
    metric: str
    docs: int
    predicted: float
    gold: float
    corrupted: Mapping[float, float]


def propagation(
    model: CascadeModel,
    docs: Sequence[Doc],
    *,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
    words: int = 4000,
) -> list[Propagation]:
    """Who loses what to whose errors: every task, scored with other labels for each task upstream.

    Labels are replaced in what `Labels`, `Segments` and `Candidates` edges carry; hidden states stay as the model
    computes them, so that tasks reached through `Hidden` edges alone lose nothing and are left out. Where a Doc has no
    gold for the upstream task, or a label that it does not know, its prediction stays.

    Args:
        model: The model.
        docs: Docs with gold.
        shares: Parts of the upstream labels that are corrupted, each from 0 to 1.
        seed: Of the corruption.
        words: Words per batch.

    Returns:
        One entry for each pair of tasks for which Docs have gold, in graph order; and one for each task with several
        such tasks upstream, with gold in all their places.

    Raises:
        ConfigError: A share is not from 0 to 1.
        DataError: No Doc has gold for any task.
    """
    strange = [share for share in shares if not 0 <= share <= 1]
    if strange:
        raise ConfigError(f"expected shares of labels from 0 to 1, got {', '.join(map(str, strange))}")
    require_gold(model, docs)
    found = [
        entry
        for upstream in model.usual
        for entry in _from(model, docs, upstream, shares=shares, seed=seed, words=words)
    ]
    return found + [entry for name in model.usual for entry in _all_gold(model, docs, name, words)]


def influenced(model: CascadeModel, upstream: str) -> list[str]:
    """Tasks that change when the labels of a task do: those that read them, and what stands below these."""
    graph = model.graph
    reading = [
        down
        for _, down, bundle in graph.out_edges(upstream, data="edges")
        if any(not isinstance(edge, Hidden) for edge in bundle)
    ]
    reached = {*reading}.union(*(nx.descendants(graph, name) for name in reading))
    return [name for name in graph.order() if name in reached]


def _from(
    model: CascadeModel, docs: Sequence[Doc], upstream: str, *, shares: Sequence[float], seed: int, words: int
) -> list[Propagation]:
    """Entries of all tasks that a task influences."""
    known = with_gold(model, docs, [upstream])
    reached = set(influenced(model, upstream))
    tasks = [name for name in model.usual if name in reached and with_gold(model, known, [name])]
    if not tasks:
        return []
    parts = parts_of(model, known, words)
    predicted = _scores(model, parts, predict(model, parts, tasks), tasks)
    gold = _scores(model, parts, predict(model, parts, tasks, [upstream]), tasks)
    corrupted: dict[str, dict[float, float]] = {name: {} for name in tasks}
    for share in shares if model.task(upstream).unit != "span" else ():
        generator = torch.Generator().manual_seed(seed)
        spoilt = [_spoilt(model, part, upstream, share, generator) for part in parts]
        for name, (_, _, value) in _scores(model, parts, predict(model, spoilt, tasks, [upstream]), tasks).items():
            corrupted[name][share] = value
    return [
        Propagation(
            upstream=upstream,
            downstream=name,
            metric=predicted[name][0],
            docs=predicted[name][1],
            predicted=predicted[name][2],
            gold=gold[name][2],
            corrupted=corrupted[name],
        )
        for name in tasks
    ]


def _all_gold(model: CascadeModel, docs: Sequence[Doc], name: str, words: int) -> list[Propagation]:
    """The entry of a task with gold for all that influences it and has gold, if that is more than one task."""
    above = [up for up in model.usual if name in influenced(model, up) and with_gold(model, docs, [up, name])]
    known = with_gold(model, docs, [*above, name])
    if len(above) < 2 or not known:
        return []
    parts = parts_of(model, known, words)
    (metric, number, predicted), (_, _, gold) = (
        _scores(model, parts, predict(model, parts, [name], given), [name])[name] for given in ((), above)
    )
    return [
        Propagation(
            upstream=None,
            downstream=name,
            metric=metric,
            docs=number,
            predicted=predicted,
            gold=gold,
            corrupted={},
        )
    ]


def _scores(
    model: CascadeModel, parts: Sequence[Part], found: Found, tasks: Iterable[str]
) -> dict[str, tuple[str, int, float]]:
    """Metric, number of Docs, and value by task."""
    made = {name: examples(model, parts, found, name) for name in tasks}
    scored = {name: score(model, own, name) for name, own in made.items()}
    return {name: (metric, len(made[name]), value) for name, (metric, value) in scored.items()}


def _spoilt(model: CascadeModel, part: Part, name: str, share: float, generator: torch.Generator) -> Part:
    if name not in part.batch.targets:
        return part
    classes = len(model.task(name).vocabulary)
    return part.with_gold(name, corrupted(part.batch.targets[name], share, classes, generator))


def corrupted(
    targets: Mapping[str, Tensor], share: float, classes: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """Gold of which a share of the rows is wrong.

    A row's label becomes any other label, all alike probable. Gold of other kinds, such as scores, becomes that of
    another row of the batch. What is unknown stays unknown.

    Args:
        targets: Gold of a task.
        share: The part of the rows.
        classes: Number of labels.
        generator: Draws the rows and what they become.
    """
    rows = len(next(iter(targets.values())))
    drawn = torch.rand(rows, generator=generator) < share
    other = torch.randint(max(1, rows), (rows,), generator=generator)
    step = torch.randint(1, max(2, classes), (rows,), generator=generator)
    changed = {}
    for key, values in targets.items():
        mask, place = drawn.to(values.device), other.to(values.device)
        if key == "label" and values.ndim == 1:
            changed[key] = torch.where(mask & (values != MISSING), (values + step.to(values.device)) % classes, values)
        else:
            known = (values != MISSING).reshape(rows, -1).any(1)
            chosen = (mask & known & known[place]).reshape(rows, *[1] * (values.ndim - 1))
            changed[key] = torch.where(chosen, values[place], values)
    return changed
