"""The cascade as one module: encoder and graph, executed in order, no deeper and no wider than the tasks ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor, nn

from cascade import docs as documents
from cascade.data.batches import Batch, collate
from cascade.errors import GraphError, ModelError
from cascade.graph import Candidates, Labels, TaskGraph, arrival_unit
from cascade.graph.units import carried_unit
from cascade.nn.ascent import Ascent, Pruning
from cascade.nn.decoders.base import Output
from cascade.nn.edges import Distributions
from cascade.nn.encoders.base import Encoder
from cascade.nn.layout import Layout
from cascade.nn.node import Link, NodeModule, Upstream
from cascade.tasks.base import Predictions, Task


class CascadeModel(nn.Module):
    """Encoder and graph as one module.

    Args:
        graph: The specification; it is copied, so that two models never share labels.

    Raises:
        GraphError: The graph cannot work.
    """

    def __init__(self, graph: TaskGraph) -> None:
        super().__init__()
        self.graph = deepcopy(graph).validate()
        self.lang = "xx"
        self.epoch = 0
        self.nodes = nn.ModuleDict()

    @property
    def initialized(self) -> bool:
        """Whether the modules have been built."""
        return len(self.nodes) > 0

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """Labels by task."""
        return {name: self.graph.task(name).vocabulary for name in self.graph.names()}

    def task(self, name: str) -> Task:
        """The task of that name."""
        task: Task = self.graph.task(name)
        return task

    def initialize(self, docs: Sequence[Doc], *, labels: Mapping[str, Sequence[str]] | None = None) -> CascadeModel:
        """Collect labels, work out widths, build every module; once.

        Args:
            docs: Training Docs.
            labels: Labels by task, instead of those that the Docs have.

        Raises:
            GraphError: A task finds no label, or widths do not fit.
            ModelError: It has been initialized before.
        """
        if self.initialized:
            raise ModelError("this model is initialized already: make a new CascadeModel(graph) for other data")
        given = labels or {}
        found = {name: tuple(given.get(name) or self.task(name).labels(docs)) for name in self.graph.names()}
        missing = [name for name, values in found.items() if not values]
        if missing:
            raise GraphError([f"task {n!r} finds no label in {len(docs)} Docs: none has gold for it" for n in missing])
        self.build(found)
        self.lang = docs[0].vocab.lang if docs else self.lang
        self.encoder.prepare([doc[int(i)].text for i in text] for doc in docs for text in documents.texts(doc))
        return self

    def build(self, labels: Mapping[str, Sequence[str]], *, assets: Mapping[str, bytes] | None = None) -> None:
        """Build every module for known labels, without data; used by `initialize` and when a saved model is loaded.

        Args:
            labels: Labels by task.
            assets: Files that the encoder saved with the model.

        Raises:
            GraphError: Edges of one group have unlike widths.
        """
        self.encoder: Encoder = self.graph.encoder.build(assets)
        for name in self.graph.order():
            task = self.task(name)
            task.vocabulary = tuple(labels[name])
            self.nodes[name] = self._node(name, task)

    def _node(self, name: str, task: Task) -> NodeModule:
        links = []
        for upstream, edges in self.graph.edges_into(name).items():
            source = self.task(upstream)
            width = self.nodes[upstream].hidden_width
            links += [
                Link(
                    upstream,
                    edge,
                    int(width),
                    len(source.vocabulary),
                    carried_unit(edge, source),
                    arrival_unit(edge, source, task),
                )
                for edge in edges
            ]
        self._check_groups(name, links)
        return NodeModule(
            task.layer,
            links,
            self.encoder.widths,
            reads=task.reads,
            unit=task.unit,
            pool=getattr(task, "pool", "max"),
            compare=getattr(task, "compare", "absolute"),
            build=lambda width: task.build(width, task.vocabulary),
        )

    @staticmethod
    def _check_groups(name: str, links: Iterable[Link]) -> None:
        widths: dict[str, dict[str, int]] = {}
        for link in links:
            group = getattr(link.edge, "group", None)
            if group is not None:
                width = link.edge.width if isinstance(link.edge, Labels) else link.width
                widths.setdefault(group, {})[link.upstream] = width
        problems = [
            f"task {name!r}: the edges of group {group!r} are added, so they need one width, got "
            + ", ".join(f"{width} from {upstream}" for upstream, width in ends.items())
            + ": set width= on Labels alike"
            for group, ends in widths.items()
            if len(set(ends.values())) > 1
        ]
        if problems:
            raise GraphError(problems)

    def batch(self, docs: Sequence[Doc], *, targets: Iterable[str] = ()) -> Batch:
        """Make a batch on the model's device.

        Args:
            docs: The Docs; any may be empty.
            targets: Tasks whose gold is read.
        """
        self._require_initialized()
        return collate(docs, self.encoder.features, [self.task(name) for name in targets]).to(self.device)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    def forward(self, batch: Batch, tasks: Iterable[str], *, given: Iterable[str] = ()) -> dict[str, Output]:
        """Run the named tasks and all that they need.

        Args:
            batch: The batch; its targets are what `gold` edges and `given` tasks read.
            tasks: Names.
            given: Tasks whose predictions are replaced by the batch's targets wherever those are known.

        Returns:
            Outputs by task, upstream tasks among them.
        """
        self._require_initialized()
        graph = self.graph.closure(tasks)
        prunings = {name: self._pruning(graph, name) for name in graph}
        highest = {name: self.nodes[name].highest for name in graph}
        common = max((highest[n] for n in graph if not prunings[n]), default=0)
        ascent = Ascent(self.encoder, batch.features, batch.rows["token"], common)
        outputs: dict[str, Output] = {}
        layouts: dict[str, Layout] = {}
        given = set(given)
        for name in graph.order():
            layouts[name] = self._layout(graph, name, batch, outputs, layouts)
            state = ascent.climb(highest[name], prunings[name], layouts[name].rows["token"].alive)
            upstream = {u: self._upstream(u, outputs[u], batch, u in given) for u in graph.edges_into(name)}
            outputs[name] = self.nodes[name](state, upstream, layouts[name], self.epoch)
        return outputs

    def losses(self, batch: Batch, tasks: Iterable[str]) -> dict[str, Tensor]:
        """Losses of the named tasks for which the batch has gold.

        Args:
            batch: A batch with targets.
            tasks: Names.

        Returns:
            Mean loss per row by task, in single precision also under autocast. Shape of each: [].
        """
        wanted = [name for name in tasks if name in batch.targets]
        outputs = self(batch, wanted) if wanted else {}
        with torch.autocast(self.device.type, enabled=False):
            return {name: self.task(name).loss(outputs[name].float(), batch.targets[name]) for name in wanted}

    def predict(
        self, docs: Sequence[Doc], *, tasks: Iterable[str] | None = None, given: Iterable[str] = ()
    ) -> list[dict[str, Predictions]]:
        """Predict without changing any Doc.

        Args:
            docs: The Docs; any may be empty.
            tasks: Names; all tasks when None.
            given: Tasks that are not predicted: what the Docs are annotated with takes their place.

        Returns:
            Predictions by task, for every Doc.
        """
        given = tuple(given)
        wanted = [name for name in (self.graph.order() if tasks is None else tasks) if name not in given]
        results: list[dict[str, Predictions]] = [{} for _ in docs]
        if not docs or not wanted:
            return results
        batch = self.batch(docs, targets=[*given, *self._annotated()])
        with self._evaluating(), torch.inference_mode():
            outputs = self(batch, wanted, given=given)
            decoded = {name: self.task(name).decode(outputs[name]) for name in wanted}
        for name, predictions in decoded.items():
            for key, values in predictions.items():
                for result, part in zip(results, batch.split(self.task(name).unit, np.asarray(values)), strict=True):
                    result.setdefault(name, {})[key] = part  # type: ignore[index]
        return results

    def _annotated(self) -> list[str]:
        """Tasks whose annotation some edge reads at prediction."""
        return list(
            {
                u
                for u, _, edges in self.graph.edges(data="edges")
                for edge in edges
                if getattr(edge, "predict", None) == "gold"
            }
        )

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        before = self.training
        self.eval()
        try:
            yield
        finally:
            self.train(before)

    @staticmethod
    def _pruning(graph: TaskGraph, name: str) -> Pruning:
        behind = {*graph.ancestors([name]), name}
        return frozenset(
            (u, edge.k)
            for u, d, edges in graph.edges(data="edges")
            if d in behind
            for edge in edges
            if isinstance(edge, Candidates)
        )

    def _layout(
        self, graph: TaskGraph, name: str, batch: Batch, outputs: Mapping[str, Output], layouts: Mapping[str, Layout]
    ) -> Layout:
        """The rows that are left to a node: what its upstream nodes had, less what `Candidates` edges prune."""
        upstream = graph.edges_into(name)
        pruned = [layouts[u] for u in upstream if layouts[u].added]
        layout = pruned[-1] if pruned else Layout(batch.rows, batch.pairs)
        for source, edges in upstream.items():
            for edge in edges:
                if isinstance(edge, Candidates):
                    task = self.task(source)
                    forced = None
                    if edge.gold and self.training and source in batch.targets:
                        forced = task.gold_rows(batch.targets[source])
                    layout = layout.prune(task.unit, task.keep(outputs[source]), edge.k, forced)
        return layout

    def _upstream(self, name: str, output: Output, batch: Batch, given: bool) -> Upstream:
        task, targets = self.task(name), batch.targets.get(name)

        def labels() -> Distributions:
            soft = task.distribution(output)
            if targets is None:
                return Distributions(soft)
            gold, known = task.gold(targets)
            choice = Distributions(soft, gold, known)
            return Distributions(choice.choose("gold")) if given else choice

        def starts(source: str) -> Tensor:
            predicted = task.starts(output)
            if targets is None or not (given or source == "gold"):
                return predicted
            gold, known = task.gold_starts(targets)
            return torch.where(known, gold, predicted)

        return Upstream(output, labels, starts)

    def _require_initialized(self) -> None:
        if not self.initialized:
            raise ModelError("the model has no weights yet: call model.initialize(docs), train it, or load a saved one")
