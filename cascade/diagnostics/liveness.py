"""Liveness of edges: whether gradient flows up, whether the downstream task hears them, and what they are worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor, nn

from cascade.diagnostics.running import Found, Part, examples, mode, parts_of, predict, require_gold, score, with_gold
from cascade.diagnostics.tampering import Place, ablated, perturbed, places, watched
from cascade.model import CascadeModel
from cascade.tasks.base import Predictions

FLOOR = 1e-4
"""Mean movement of predictions below which an edge counts as dead, whatever the noise."""

NOISE = 10.0
"""How many times larger than between two equal runs movement has to be."""

_LATE = 1_000_000  # an epoch after the end of every schedule of label sources


@dataclass(frozen=True, kw_only=True)
class EdgeReport:
    """What is known of an edge.

    Attributes:
        upstream: Name of the upstream task.
        downstream: Name of the downstream task.
        kind: Name of the edge's class.
        edge: The edge with its settings.
        differentiable: Whether states that it brings are to carry gradient at the end of training.
        gradient_norm: Norm of the gradient of the downstream loss through this edge alone on the upstream parameters,
            mean over batches; None without gold for the downstream task.
        perturbation: Mean over the downstream rows of how far predictions move when what the edge reads is perturbed,
            from 0 to 1: 1 where a label changes, else by how much a probability or score does. None without any row.
        noise: The same between two equal runs.
        alive: Whether the perturbation is above the noise floor and, where the edge is differentiable, there is
            gradient; None where nothing could be measured, or nothing moves on Docs without gold for the downstream
            task, which need not be what it is about.
        metric: The downstream task's main score; None without gold.
        score: What it is.
        ablated: What it is when the edge brings nothing.
    """

    upstream: str
    downstream: str
    kind: str
    edge: str
    differentiable: bool
    gradient_norm: float | None
    perturbation: float | None
    noise: float | None
    alive: bool | None
    metric: str | None
    score: float | None
    ablated: float | None


def edges(model: CascadeModel, docs: Sequence[Doc], *, seed: int = 0, words: int = 4000) -> list[EdgeReport]:
    """Measure every edge of a model: gradient, perturbation and ablation, one edge at a time.

    The gradient is that of training, with scheduled label sources at the end of their schedules: through an edge that
    is detached, hard or gold it is 0, and such an edge is alive by its perturbation. The parameters are those of the
    upstream task or, where the edge brings nothing that these make, of what stands below it. Perturbation and ablation
    are those of prediction; see `cascade.diagnostics.tampering`.

    Args:
        model: The model, which is left as it was.
        docs: Docs with gold; an edge is measured on those with gold for its downstream task, on all if there are none
            or the task is auxiliary, for which no gold is read.
        seed: Of perturbation and dropout.
        words: Words per batch.

    Raises:
        DataError: No Doc has gold for any task.
    """
    require_gold(model, docs)
    return [report for name in model.graph.order() for report in _into(model, docs, name, seed, words)]


def _into(model: CascadeModel, docs: Sequence[Doc], name: str, seed: int, words: int) -> list[EdgeReport]:
    """Reports of the edges into a task."""
    found = places(model, name)
    if not found:
        return []
    known = with_gold(model, docs, [name]) if name in model.usual else []
    parts = parts_of(model, known or docs, words)
    plain, again = (predict(model, parts, [name]) for _ in range(2))
    noise = movement(plain, again, name)
    norms = gradient_norms(model, parts, found, seed) if known else {}
    metric, whole = score(model, examples(model, parts, plain, name), name) if known else (None, None)
    reports = []
    for place in found:
        with perturbed(model, place, seed):
            moved = movement(plain, predict(model, parts, [name]), name)
        without = None
        if known:
            with ablated(model, place):
                without = score(model, examples(model, parts, predict(model, parts, [name]), name), name)[1]
        differentiable = place.differentiable and _trainable(model, place.upstream)
        norm = norms.get(place)
        reports.append(
            EdgeReport(
                upstream=place.upstream,
                downstream=name,
                kind=type(place.edge).__name__,
                edge=place.edge.describe(),
                differentiable=differentiable,
                gradient_norm=norm,
                perturbation=moved,
                noise=noise,
                alive=_alive(norm if differentiable else None, moved, noise, known=bool(known)),
                metric=metric,
                score=whole,
                ablated=without,
            )
        )
    return reports


def _alive(norm: float | None, moved: float | None, noise: float | None, *, known: bool) -> bool | None:
    """Whether an edge is; `norm` is None where no gradient is due, `known` whether there is downstream gold."""
    if moved is None or noise is None:
        return None
    alive = moved > max(FLOOR, NOISE * noise) and norm != 0
    return alive or (False if known else None)


def movement(before: Found, after: Found, task: str) -> float | None:
    """How far predictions of a task are apart, mean over rows; None without any row.

    Args:
        before: Predictions.
        after: Others, for the same Docs.
        task: The task's name.
    """
    moved = [_moved(one[task], other[task]) for one, other in zip(before, after, strict=True)]
    rows = np.concatenate(moved) if moved else np.zeros(0)
    return float(rows.mean()) if len(rows) else None


def _moved(before: Predictions, after: Predictions) -> np.ndarray:
    """By row, the largest change among what is predicted; a Doc that gets another number of rows changes in all."""
    sizes = [len(next(iter(own.values()), ())) for own in (before, after)]
    if sizes[0] != sizes[1]:
        return np.ones(max(sizes))
    moved = np.zeros(sizes[0])
    for key, values in before.items():
        moved = np.maximum(moved, _distances(values, after[key]))
    return moved


def _distances(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """By row: 1 where labels differ; of numbers the largest difference, 1 at most. Shape: [rows]."""
    one, other = (values.reshape(len(values), math.prod(values.shape[1:])) for values in (before, after))
    if one.dtype.kind != "f":
        return np.asarray((one != other).any(axis=1), dtype=float)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        gaps = np.where(one == other, 0.0, np.abs(one - other))
    return np.asarray(np.where(np.isfinite(gaps), np.minimum(gaps, 1.0), 1.0).max(axis=1, initial=0.0))


def gradient_norms(model: CascadeModel, parts: Sequence[Part], found: Sequence[Place], seed: int) -> dict[Place, float]:
    """Gradient norms of edges into one task; see `EdgeReport`.

    Args:
        model: The model.
        parts: Batches with gold for that task.
        found: The edges.
        seed: Of dropout.
    """
    epoch, model.epoch = model.epoch, _LATE
    try:
        with torch.random.fork_rng(), mode(model, training=True), torch.enable_grad():
            torch.manual_seed(seed)
            norms = [_part_norms(model, part, found) for part in parts]
    finally:
        model.epoch = epoch
    return {place: float(np.mean([own[place] for own in norms])) for place in found}


def _part_norms(model: CascadeModel, part: Part, found: Sequence[Place]) -> dict[Place, float]:
    name = found[0].downstream
    with watched(model, found) as seen:
        loss = model.losses(part.batch, [name])[name]
    carrying = {place: states for place, states in seen.items() if states.requires_grad}
    if not loss.requires_grad or not carrying:
        return dict.fromkeys(found, 0.0)
    flows = torch.autograd.grad(loss, [*carrying.values()], retain_graph=True, allow_unused=True)
    norms = dict.fromkeys(found, 0.0)
    for (place, states), flow in zip(carrying.items(), flows, strict=True):
        if flow is not None:
            norms[place] = _upstream_norm(model, place.upstream, states, flow)
    return norms


def _upstream_norm(model: CascadeModel, upstream: str, states: Tensor, flow: Tensor) -> float:
    """Norm of the gradient on the upstream task's parameters, or of those below if it makes nothing of the states."""
    below = [model.node(name) for name in model.graph.ancestors([upstream])]
    for modules in ([model.node(upstream)], [*below, model.encoder]):
        parameters = _parameters(modules)
        if not parameters:
            continue
        found = torch.autograd.grad(states, parameters, flow, retain_graph=True, allow_unused=True)
        reached = [gradient for gradient in found if gradient is not None]
        if reached:
            return float(torch.stack([gradient.float().norm() for gradient in reached]).norm())
    return 0.0


def _trainable(model: CascadeModel, upstream: str) -> bool:
    """Whether there is anything that gradient through an edge could train."""
    below = [model.node(name) for name in model.graph.ancestors([upstream])]
    return bool(_parameters([model.node(upstream), *below, model.encoder]))


def _parameters(modules: Sequence[nn.Module]) -> list[nn.Parameter]:
    return [p for module in modules for p in module.parameters() if p.requires_grad]
