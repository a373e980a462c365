"""`cascade check`: what a config describes, without training it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.markup import escape
from rich.table import Table

from cascade.cli.console import print_table, result_console
from cascade.cli.corpora import warn_of_reuse
from cascade.cli.overrides import parse_overrides
from cascade.errors import TrainingError

if TYPE_CHECKING:
    from torch import nn

    from cascade.model import CascadeModel
    from cascade.nn.node import NodeModule
    from cascade.training import Trainer
    from cascade.training.schedules import Annotated as AnnotatedDocs
    from cascade.training.schedules import Step


def check(
    context: typer.Context,
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A config file, or the name of a shipped pipeline.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compute losses and gradients of one batch a task.")
    ] = False,
) -> None:
    """Check a config, its graph and its data.

    Nothing is written. Settings are changed by --section.key value, as for train.
    """
    overrides = parse_overrides(context.args)

    from cascade.config import read_config, trainer_from_config
    from cascade.training.corpus import annotated, initialize
    from cascade.training.freezing import frozen_tasks

    trainer = trainer_from_config(read_config(config, overrides))
    warn_of_reuse(trainer.corpora)
    model = trainer.model
    fresh = not model.initialized
    if fresh:
        initialize(model, trainer.corpora)
    frozen = frozen_tasks(model, trainer.frozen)
    corpora = annotated(model, trainer.corpora, frozen=frozen, required=None if fresh else ())
    print_table(f"encoder: {model.graph.encoder!r}\n{_size(model):,} parameters", _nodes(model))
    result_console().print(_corpora(trainer, corpora))
    if dry_run:
        losses = Table("task", "loss", header_style="bold")
        for task, loss in _losses(trainer, corpora).items():
            losses.add_row(escape(task), f"{loss:.4f}")
        print_table("one batch forward and backward", losses)


def _nodes(model: CascadeModel) -> Table:
    """The graph with what only an initialized model knows: widths, labels, parameters."""
    from cascade.graph.draw import layer_name

    graph = model.graph
    table = Table(header_style="bold")
    for column in ("task", "kind", "layer", "reads from"):
        table.add_column(column)
    for column in ("in", "out", "labels", "parameters"):
        table.add_column(column, justify="right")
    widths = "-".join(map(str, dict.fromkeys(model.encoder.widths)))
    table.add_row("encoder", type(graph.encoder).__name__, "", "", "", widths, "", f"{_size(model.encoder):,}")
    table.add_section()
    for name in graph.order():
        task, node = model.task(name), cast("NodeModule", model.nodes[name])
        edges = "\n".join(f"{u}: {', '.join(e.describe() for e in es)}" for u, es in graph.edges_into(name).items())
        sizes = (_incoming(node), node.hidden_width, len(task.vocabulary), f"{_size(node):,}")
        cells = (name, type(task).__name__, layer_name(task.layer), edges or "encoder only", *map(str, sizes))
        table.add_row(*map(escape, cells))
    return table


def _corpora(trainer: Trainer, corpora: list[AnnotatedDocs]) -> Table:
    table = Table("corpus", "train", "dev", "gold for", header_style="bold")
    for corpus, docs in zip(trainer.corpora, corpora, strict=True):
        tasks = dict.fromkeys(task for _, gold in docs for task in gold)
        sizes = (f"{len(part):,} docs, {sum(map(len, part)):,} words" for part in (corpus.train, corpus.dev))
        table.add_row(escape(corpus.name), *sizes, escape(", ".join(tasks)))
    return table


def _losses(trainer: Trainer, corpora: list[AnnotatedDocs]) -> Mapping[str, float]:
    """Losses of the first batch of every task; their gradients are computed, no weight is changed."""
    import torch

    model, losses = trainer.model.train(), dict[str, float]()
    for step in _first_steps(trainer, corpora):
        found = model.losses(model.batch(step.docs, targets=model.graph.order()), step.tasks)
        torch.stack(list(found.values())).sum().backward()  # type: ignore[no-untyped-call]
        losses |= {task: float(loss.detach()) for task, loss in found.items()}
    broken = [f"{task}: {loss}" for task, loss in losses.items() if not math.isfinite(loss)]
    if broken:
        raise TrainingError(f"losses should be finite, got {', '.join(broken)}: look for gold that cannot be right")
    return {task: losses[task] for task in model.graph.order() if task in losses}


def _first_steps(trainer: Trainer, corpora: list[AnnotatedDocs]) -> Iterator[Step]:
    """The first steps of an epoch, until every task has had one."""
    import numpy as np

    from cascade.training.history import History

    order = trainer.model.graph.order()
    missing = set(order)
    for step in trainer.schedule.steps(corpora, order, np.random.default_rng(trainer.seed), History()):
        if missing & set(step.tasks):
            missing -= set(step.tasks)
            yield step


def _incoming(node: NodeModule) -> int:
    """Width of what encoder and edges bring."""
    read = 0 if node.reading is None else node.reading.width
    return read + node.early.width + node.late.width


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
