"""The cascade as one module: encoder and graph, executed in order, no deeper and no wider than the tasks ask."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from typing import cast

import torch
from spacy.tokens import Doc
from torch import Tensor, nn

from cascade import docs as documents
from cascade.data.batches import Batch, Texts, collate
from cascade.errors import GraphError, LabelError, ModelError
from cascade.graph import Candidates, TaskGraph, View, arrival_unit
from cascade.nn.ascent import Ascent
from cascade.nn.decoders.base import Output
from cascade.nn.edges import Distributions
from cascade.nn.encoders.base import Encoder, Features
from cascade.nn.layout import Layout
from cascade.nn.node import Link, NodeModule, Upstream
from cascade.nn.precision import Precision, reduced
from cascade.nn.recalibration import Recalibration
from cascade.tasks.base import Predictions, Task
from cascade.tasks.checks import problems
from cascade.tasks.thresholds import decided, moved

Way = tuple[View, str | None]
"""How a task reads the encoder: its view, and the condition on which the encoder is for it, if on any."""


class CascadeModel(nn.Module):
    """Encoder and graph as one module.

    `calibration` has by task what is done to its scores outside of training; see `uncalibrate`.

    Args:
        graph: The specification; it is copied, so that two models never share labels.

    Raises:
        GraphError: The graph cannot work.
    """

    def __init__(self, graph: TaskGraph) -> None:
        super().__init__()
        self.graph = deepcopy(graph).validate()
        if found := problems(self.graph):
            raise GraphError(found)
        self.lang = "xx"
        self.epoch = 0
        self.calibration: dict[str, Recalibration] = {}
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

    def node(self, name: str) -> NodeModule:
        """The module of the task of that name."""
        return cast(NodeModule, self.nodes[name])

    def uncalibrate(self, names: Iterable[str]) -> None:
        """Forget the calibration of tasks, which weights that learn on make stale; thresholds move back along."""
        for name in names:
            task, by = self.task(name), self.calibration.pop(name, None)
            if by is not None and decided(task):
                task.threshold = moved(task.threshold, by, Recalibration())

    def initialize(self, docs: Sequence[Doc], *, labels: Mapping[str, Sequence[str]] | None = None) -> CascadeModel:
        """Collect labels, work out widths, build every module; once.

        Args:
            docs: Training Docs.
            labels: Labels by task, instead of those that the Docs have.

        Raises:
            LabelError: A task finds no label, or its labels do not fit.
            GraphError: Widths do not fit.
            ModelError: It has been initialized before.
        """
        if self.initialized:
            raise ModelError("this model is initialized already: make a new CascadeModel(graph) for other data")
        given = labels or {}
        found = {name: tuple(given.get(name) or self.task(name).labels(docs)) for name in self.graph.names()}
        missing = [name for name, values in found.items() if not values]
        if missing:
            problem = f"finds no label in {len(docs)} Docs: none has gold for it, or too little"
            raise LabelError("\n".join(f"task {name!r} {problem}" for name in missing))
        self.build(found)
        self.lang = next((doc.vocab.lang for doc in docs), "") or self.lang
        self.encoder.prepare(text for doc in docs for text in documents.words(doc))
        return self

    def build(self, labels: Mapping[str, Sequence[str]], *, assets: Mapping[str, bytes] | None = None) -> None:
        """Build every module for known labels, without data; used by `initialize` and when a saved model is loaded.

        Args:
            labels: Labels by task.
            assets: Files that the encoder saved with the model.

        Raises:
            GraphError: Widths do not fit.
        """
        encoder: Encoder = self.graph.encoder.build(assets)
        nodes: dict[str, NodeModule] = {}
        for name in self.graph.order():
            task = self.task(name)
            task.vocabulary = tuple(labels[name])
            try:
                nodes[name] = self._build_node(task, nodes, encoder)
            except GraphError as error:
                raise GraphError([f"task {name!r}: {problem}" for problem in error.problems]) from None
        self.encoder = encoder
        self.nodes.update(nodes)

    def _build_node(self, task: Task, nodes: Mapping[str, NodeModule], encoder: Encoder) -> NodeModule:
        if task.view not in encoder.views:
            reader, able = type(self.graph.encoder).__name__, ", ".join(encoder.views)
            raise GraphError([f"{reader} reads no texts in the view {task.view!r}, only {able}: choose a Transformer"])
        links = [
            Link(
                upstream=upstream,
                edge=edge,
                width=nodes[upstream].hidden_width,
                classes=len(self.task(upstream).vocabulary),
                arrives=arrival_unit(edge, self.task(upstream), task),
            )
            for upstream, edges in self.graph.edges_into(task.name).items()
            for edge in edges
        ]
        return NodeModule(
            task.layer,
            links,
            encoder.widths,
            towers=encoder.towers,
            reads=task.reads,
            unit=task.unit,
            pool=getattr(task, "pool", "max"),
            compare=getattr(task, "compare", "absolute"),
            proposes=task.proposes,
            build=lambda width: task.build(width, task.vocabulary),
        )

    def batch(self, docs: Sequence[Doc], *, targets: Iterable[str] = ()) -> Batch:
        """Make a batch on the model's device.

        Args:
            docs: The Docs; any may be empty.
            targets: Tasks whose gold is read.
        """
        self._require_initialized()
        tasks = [self.task(name) for name in targets]
        return collate(docs, self._features, tasks, asked="asked" in self.views).to(self.device)

    @property
    def views(self) -> set[View]:
        """How its tasks have texts read."""
        return {self.task(name).view for name in self.graph.names()}

    @property
    def usual(self) -> list[str]:
        """The tasks that are predicted unless others are named, in graph order."""
        return [name for name in self.graph.order() if not self.task(name).auxiliary]

    def _features(self, texts: Texts) -> dict[View, Features]:
        views = self.views
        if "asked" in views:
            return {"asked": self.encoder.asked(texts.words, texts.questions)}
        features: dict[View, Features] = {"apart": self.encoder.features(texts.words)}
        if "together" in views:
            features["together"] = self.encoder.joined(texts.words, texts.pairs)
        if "masked" in views:
            masked = texts.masked(self.encoder.mask) if any(texts.hidden) else None
            features["masked"] = features["apart"] if masked is None else self.encoder.features(masked)
        return features

    @property
    def batch_words(self) -> int:
        """Words of a batch with which it predicts fastest.

        Raises:
            ModelError: It is not initialized.
        """
        self._require_initialized()
        return self.encoder.batch

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    def forward(
        self, batch: Batch, tasks: Iterable[str], *, given: Iterable[str] = (), keep: Mapping[str, int] | None = None
    ) -> dict[str, Output]:
        """Run the named tasks and all that they need.

        Args:
            batch: The batch; its targets are what `gold` edges and `given` tasks read.
            tasks: Names.
            given: Tasks whose predictions are replaced by the batch's targets wherever those are known.
            keep: Rows that `Candidates` edges keep of a task, by its name, instead of what they say.

        Returns:
            Outputs by task, upstream tasks among them.
        """
        self._require_initialized()
        graph, given = self.graph.closure(tasks), set(given)
        order = graph.order()
        ascents = self._ascents(batch, order, graph.pruned())
        outputs: dict[str, Output] = {}
        layouts: dict[str, Layout] = {}
        upstream: dict[str, Upstream] = {}
        for name in order:
            node, layout = self.node(name), self._layout(name, batch, outputs, layouts, given, keep or {})
            ascent = ascents[self._way(name)]
            ascent.climb(node.highest, layout.rows["token"].alive)
            raw = node(ascent.read, upstream, layout, self.epoch)
            layouts[name] = raw.layout
            by = None if self.training else self.calibration.get(name)
            outputs[name] = raw if by is None else self.task(name).calibrated(raw, by)
            weighed = raw if by is None or not by.edges else outputs[name]
            upstream[name] = self._upstream(name, outputs[name], weighed, batch, given)
        return outputs

    def _way(self, name: str) -> Way:
        return self.task(name).view, name if name in self.encoder.conditions else None

    def _ascents(self, batch: Batch, order: Iterable[str], pruned: Collection[str]) -> dict[Way, Ascent]:
        """The ways up that the named tasks take; each is common to its tasks that nothing prunes."""
        common: dict[Way, int] = {}
        for name in order:
            way, highest = self._way(name), 0 if name in pruned else self.node(name).highest
            common[way] = max(common.get(way, 0), highest)
        rows = batch.rows["token"]
        return {
            (view, condition): Ascent(self.encoder, batch.features[view], rows, layer, condition=condition)
            for (view, condition), layer in common.items()
        }

    def losses(
        self, batch: Batch, tasks: Iterable[str], outputs: Mapping[str, Output] | None = None
    ) -> dict[str, Tensor]:
        """Losses of the named tasks for which the batch has gold.

        Args:
            batch: A batch with targets.
            tasks: Names.
            outputs: What the model has made of the batch, where it has run.

        Returns:
            Mean loss per row by task, in single precision also under autocast. Shape of each: [].
        """
        wanted = [name for name in tasks if name in batch.targets]
        if outputs is None:
            outputs = self(batch, wanted) if wanted else {}
        with torch.autocast(self.device.type, enabled=False):
            return {name: self.task(name).loss(outputs[name].float(), batch.targets[name]) for name in wanted}

    def predict(
        self,
        docs: Sequence[Doc],
        *,
        tasks: Iterable[str] | None = None,
        given: Iterable[str] = (),
        keep: Mapping[str, int] | None = None,
        precision: Precision = "no",
    ) -> list[dict[str, Predictions]]:
        """Predict without changing any Doc.

        Args:
            docs: The Docs; any may be empty.
            tasks: Names; see `usual` when None.
            given: Tasks that are not predicted: what the Docs are annotated with takes their place.
            keep: Rows that `Candidates` edges keep of a task, by its name, instead of what they say.
            precision: Of the forward pass; see `Precision`.

        Returns:
            Predictions by task, for every Doc.

        Raises:
            LabelError: A Doc is annotated with a label that a task whose annotation is read does not know.
        """
        given = tuple(given)
        wanted = [name for name in (self.usual if tasks is None else tasks) if name not in given]
        if not docs or not wanted:
            return [{} for _ in docs]
        read = dict.fromkeys([*given, *self.annotated(wanted)])
        for task in map(self.task, read):
            for label in task.labels(docs):
                task.require(label)
        batch = self.batch(docs, targets=read)
        with self._evaluating(), torch.inference_mode(), reduced(precision, self.device):
            outputs = self(batch, wanted, given=given, keep=keep)
            decoded = {name: self.task(name).decode(outputs[name]) for name in wanted}
        cut = {
            name: {key: batch.split(self.task(name).unit, v, outputs[name].rows) for key, v in predictions.items()}
            for name, predictions in decoded.items()
        }
        return [{name: {key: v[i] for key, v in own.items()} for name, own in cut.items()} for i in range(len(docs))]

    def annotated(self, tasks: Iterable[str]) -> list[str]:
        """Tasks whose annotation some edge on the way to the named tasks reads at prediction."""
        edges = self.graph.closure(tasks).edges(data="edges")
        return [up for up, _, bundle in edges if any(getattr(edge, "predict", None) == "gold" for edge in bundle)]

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        training = self.training
        if training:
            self.eval()
        try:
            yield
        finally:
            if training:
                self.train()

    def _layout(
        self,
        name: str,
        batch: Batch,
        outputs: Mapping[str, Output],
        layouts: Mapping[str, Layout],
        given: Collection[str],
        keep: Mapping[str, int],
    ) -> Layout:
        """The rows that are left to a node: what its upstream nodes all had, less what `Candidates` edges prune."""
        upstream = self.graph.edges_into(name)
        layout = Layout(batch.rows, batch.pairs, batch.pairs.new_zeros(0, 2), batch.prior)
        for source in upstream:
            changed = layouts[source].added or len(layouts[source].spans)
            layout = layout.meet(layouts[source]) if changed else layout
        for source, edges in upstream.items():
            task, targets = self.task(source), batch.targets.get(source)
            for edge in edges:
                if isinstance(edge, Candidates):
                    forced = source in given or (edge.gold and self.training)
                    gold = task.gold_rows(outputs[source], targets) if forced and targets is not None else None
                    k = edge.k if self.training or edge.predict is None else edge.predict
                    kept = keep.get(source, k)
                    own, order = task.keep(outputs[source]), task.order(outputs[source])
                    layout = layout.prune(source, task.unit, own, kept, gold, order)
        return self._with_gold(name, layout, batch, given) if self.task(name).proposes else layout

    def _with_gold(self, name: str, layout: Layout, batch: Batch, given: Collection[str]) -> Layout:
        """The layout with gold spans, where the task is to propose these in any case."""
        bundles = self.graph.out_edges(name, data="edges")
        forced = self.training and any(isinstance(e, Candidates) and e.gold for *_, edges in bundles for e in edges)
        targets = batch.targets.get(name)
        if targets is None or not (forced or name in given):
            return layout
        return layout.propose(self.task(name).gold_spans(targets, layout))

    def _upstream(self, name: str, output: Output, weighed: Output, batch: Batch, given: Collection[str]) -> Upstream:
        """What other nodes may read of a node; what they ask for is computed once.

        Label embeddings are weighed by the distribution of `weighed`; what counts as predicted is that of `output`.
        """
        task, targets = self.task(name), batch.targets.get(name)

        def decide(soft: Tensor) -> Tensor:
            return task.decide(soft if weighed is output else task.distribution(output))

        @cache
        def labels() -> Distributions:
            soft = task.distribution(weighed)
            if targets is None:
                return Distributions(soft, decide=decide)
            choice = Distributions(soft, *task.gold(targets), decide=decide)
            return Distributions(choice.choose("gold"), decide=task.decide) if name in given else choice

        @cache
        def starts(source: str) -> Tensor:
            predicted = task.starts(output)
            if targets is None or not (name in given or source == "gold"):
                return predicted
            gold, known = task.gold_starts(targets)
            return torch.where(known, gold, predicted)

        return Upstream(output, labels, starts)

    def _require_initialized(self) -> None:
        if not self.initialized:
            raise ModelError("the model has no weights yet: call model.initialize(docs), train it, or load a saved one")
