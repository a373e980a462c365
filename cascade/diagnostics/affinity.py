"""Affinity: whether a step that betters one task betters others, and what that says of groups and edges."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import networkx as nx

from cascade import storage
from cascade.diagnostics.conflict import require_several
from cascade.diagnostics.grouping import Group, suggest_groups
from cascade.diagnostics.lookahead import Lookahead, Table
from cascade.diagnostics.probing import Probes, Sightings
from cascade.errors import ConfigError
from cascade.graph import Hidden, Labels, TaskGraph
from cascade.graph.units import misfit
from cascade.training import Trainer
from cascade.training.folder import RunFolder

FILE = "affinity.jsonl"
SURE = 2.0
"""Standard errors by which an affinity has to be above or below 0 for anything to follow from it."""


@dataclass(frozen=True, kw_only=True)
class Affinity:
    """What a step for one task does to another.

    Attributes:
        source: The task that takes the step.
        target: The other.
        mean: Z, over the course of training: the share by which the loss of the target falls.
        error: Its standard error; None with a single measurement.
        measurements: How many there are.
    """

    source: str
    target: str
    mean: float
    error: float | None
    measurements: int

    @property
    def sure(self) -> bool:
        """Whether it is above 0 by more than chance."""
        return self.mean > SURE * (self.error or 0.0)

    @property
    def harmful(self) -> bool:
        """Whether it is below 0 by more than chance."""
        return self.mean < -SURE * (self.error or 0.0)


@dataclass(frozen=True, kw_only=True)
class EdgeAffinity:
    """An edge that is there, or might be.

    Attributes:
        upstream: Name of the upstream task.
        downstream: Name of the downstream task.
        exists: Whether the graph has it.
        shared: What a step of the upstream task in shared parameters does to the downstream one.
        through: What a step of the upstream task in the parameters of its own node alone does to the downstream one,
            which can come through edges alone; None where there is no such edge yet.
        suggested: Whether it is worth having, or worth trying.
    """

    upstream: str
    downstream: str
    exists: bool
    shared: Affinity | None
    through: Affinity | None
    suggested: bool


@dataclass(frozen=True, kw_only=True)
class AffinityReport:
    """What `affinity` has found.

    Attributes:
        tasks: All tasks that were trained.
        pairs: Affinities of all pairs that have parameters in common.
        edges: Those that are there, and those that could be drawn.
        groups: Which tasks to train together.
    """

    tasks: Sequence[str]
    pairs: Sequence[Affinity]
    edges: Sequence[EdgeAffinity]
    groups: Sequence[Group]


def affinity(
    trainer: Trainer,
    output_dir: str | Path,
    *,
    every: int = 10,
    docs: int = 16,
    rate: float = 0.1,
    groups: int = 2,
    resume: bool = False,
) -> AffinityReport:
    """Train, and measure how a step for a task changes the losses of the others (Fifty et al. 2021, equations 1, 2).

    Z_{i -> j} = 1 - L_j(theta_s - eta * grad L_i) / L_j(theta_s), mean over the course of training. theta_s are the
    parameters that two or more losses reach, the step is one of plain SGD, both losses have the same batch and the same
    dropout, and the diagonal does not count. For an edge, theta_s are the parameters of the upstream node alone.
    The training itself is as without, but in single precision, as the step would vanish in bfloat16.

    Args:
        trainer: The trainer.
        output_dir: The folder of the run; measurements go into its `affinity.jsonl`.
        every: Updates between measurements.
        docs: Docs of a task's batch.
        rate: eta; large enough that losses change by more than rounding.
        groups: Groups at most into which the tasks are put; see `suggest_groups`.
        resume: Go on with the run that the folder holds, if it holds one.

    Raises:
        TrainingError: See `Trainer.fit`.
        ConfigError: There is one task alone, or a number makes no sense.
    """
    require_several(trainer.model)
    if rate <= 0 or groups < 1:
        raise ConfigError(f"expected rate above 0 and 1 group or more, got rate = {rate}, groups = {groups}")
    probes = Probes(trainer.corpora, docs=docs, seed=trainer.seed, frozen=trainer.frozen)
    watcher = Lookahead(probes, Sightings(Path(output_dir) / FILE), every=every, rate=rate)
    trainer = replace(trainer, precision="no", observers=(*trainer.observers, watcher))
    trainer.fit(output_dir, resume=resume)
    return read_affinity(output_dir, groups=groups)


def read_affinity(run: str | Path, *, groups: int = 2) -> AffinityReport:
    """What was measured in a run, and what it suggests.

    Args:
        run: Its folder.
        groups: See `affinity`.

    Raises:
        ConfigError: Nothing was measured.
        ModelError: The run's best model cannot be read.
    """
    rows = Sightings(Path(run) / FILE).rows()
    if not rows:
        raise ConfigError(f"{run}: expected a run that was measured, with {FILE} in it; name a config, to train one")
    return summarize(storage.load(RunFolder(run).best).graph, rows, groups)


def summarize(graph: TaskGraph, rows: Sequence[Mapping[str, Any]], groups: int) -> AffinityReport:
    """Means of what was measured, and what they suggest.

    Args:
        graph: The graph.
        rows: What `Lookahead` has seen.
        groups: Groups at most.
    """
    seen = {name for row in rows for source, own in row["shared"].items() for name in (source, *own)}
    tasks = [name for name in graph.order() if name in seen]
    pairs, through = (_means([row[kind] for row in rows]) for kind in ("shared", "through"))
    table = {i: {j: pairs[i, j].mean for j in tasks if (i, j) in pairs} for i in tasks}
    return AffinityReport(
        tasks=tasks,
        pairs=list(pairs.values()),
        edges=suggest_edges(graph, pairs, through),
        groups=suggest_groups(table, groups),
    )


def suggest_edges(
    graph: TaskGraph, pairs: Mapping[tuple[str, str], Affinity], through: Mapping[tuple[str, str], Affinity]
) -> list[EdgeAffinity]:
    """What affinities say of the edges that are there, and of those that could be.

    An edge that is there is worth having if a step in the upstream node betters the downstream task. One that is not
    is worth trying if the upstream task betters the downstream one more than the other way round, if states or labels
    can flow along it, and if it makes no cycle with those that better more.

    Args:
        graph: The graph.
        pairs: Affinities in shared parameters.
        through: Affinities in the parameters of the upstream node.
    """
    drawn = nx.DiGraph(graph.edges)
    found = [
        EdgeAffinity(
            upstream=up,
            downstream=down,
            exists=True,
            shared=pairs.get((up, down)),
            through=(own := through.get((up, down))),
            suggested=own is not None and own.sure,
        )
        for up, down in graph.edges
    ]
    drawn.add_nodes_from(graph)
    for (up, down), own in sorted(pairs.items(), key=lambda entry: -entry[1].mean):
        if graph.has_edge(up, down) or not _fits(graph, up, down) or nx.has_path(graph, down, up):
            continue
        back = pairs.get((down, up))
        better = own.sure and (back is None or own.mean > back.mean)
        suggested = better and not nx.has_path(drawn, down, up)
        if suggested:
            drawn.add_edge(up, down)
        found.append(
            EdgeAffinity(upstream=up, downstream=down, exists=False, shared=own, through=None, suggested=suggested)
        )
    return found


def _means(tables: Sequence[Table]) -> dict[tuple[str, str], Affinity]:
    found = {}
    for source, target in dict.fromkeys((i, j) for table in tables for i, own in table.items() for j in own):
        values = [table[source][target] for table in tables if target in table.get(source, {})]
        error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
        found[source, target] = Affinity(
            source=source, target=target, mean=statistics.mean(values), error=error, measurements=len(values)
        )
    return found


def _fits(graph: TaskGraph, up: str, down: str) -> bool:
    """Whether states or labels can flow from one task to another."""
    return any(misfit(edge, graph.task(up), graph.task(down)) is None for edge in (Hidden(), Labels()))
