"""The pipe: a whole cascade as one trainable component of spaCy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import srsly
import torch
from spacy.errors import Errors
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.util import get_torch_default_device
from torch import Tensor

from cascade import docs as documents
from cascade import storage
from cascade.components import labels as labelling
from cascade.components.learning import Forward, forward, gold_loss, rehearsal_loss
from cascade.components.processes import spare_threads
from cascade.components.scorers import Scorer, score
from cascade.components.shim import CascadeShim
from cascade.data.batches import by_length
from cascade.errors import ConfigError, ModelError
from cascade.model import CascadeModel
from cascade.nn.precision import Precision
from cascade.tasks import Predictions

Losses = dict[str, float]
BatchLoss = Callable[[list[Example]], Tensor]


class CascadePipe(TrainablePipe):  # type: ignore[misc]
    """Runs and trains a cascade inside a spaCy pipeline.

    Args:
        vocab: The shared vocabulary.
        model: What `make_model` gives.
        name: The component's name.
        tasks: Tasks that are annotated; all when None. What they need upstream runs as well.
        given: Tasks that are not predicted: the annotation that an earlier component has left takes their place.
        overwrite: Whether annotation that is there already is replaced.
        device: A torch device; that of spaCy's current `ops` when None.
        words: Words per batch, padding among them; what suits the encoder when None.
        precision: Of prediction; with `bf16`, probabilities change in their third digit with the Docs of a batch.
        pretrained: Whether the weights come from a saved model, so that `initialize` keeps them.
        scorer: The scorer; see `cascade.components.scorers`.

    Raises:
        ConfigError: `tasks` or `given` names no task of the graph.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[Any, Any],
        name: str = "cascade",
        *,
        tasks: Sequence[str] | None = None,
        given: Sequence[str] = (),
        overwrite: bool = True,
        device: str | None = None,
        words: int | None = None,
        precision: Precision = "bf16",
        pretrained: bool = False,
        scorer: Scorer | None = score,
    ) -> None:
        documents.register()
        self.vocab = vocab
        self.model = model
        self.name = name
        made = {"tasks": None if tasks is None else list(tasks), "given": list(given)}
        self.cfg: dict[str, Any] = {"labels": {}, **made, "made": made}
        self.overwrite, self.device, self.words, self.precision = overwrite, device, words, precision
        self.pretrained, self.scorer = pretrained, scorer
        self._rehearsal_model: Model[Any, Any] | None = None
        self._settle()

    @property
    def shim(self) -> CascadeShim:
        """What holds the cascade for thinc."""
        return cast(CascadeShim, self.model.shims[0])

    @property
    def module(self) -> CascadeModel:
        """The cascade.

        Raises:
            ModelError: The pipe is empty.
        """
        if self.shim.module is None:
            raise ModelError(f"the pipe {self.name!r} is empty: give it model= or graph= in its config, or load it")
        return self.shim.module

    @property
    def tasks(self) -> list[str]:
        """The tasks that are annotated, in graph order; set it to switch tasks on and off."""
        wanted, given = self.cfg["tasks"], self.cfg["given"]
        usual = self.module.usual if wanted is None else wanted
        return [n for n in self.module.graph.order() if n in usual and n not in given]

    @tasks.setter
    def tasks(self, names: Iterable[str] | None) -> None:
        self.cfg["tasks"] = None if names is None else self._require_tasks(names)

    @property
    def given(self) -> list[str]:
        """The tasks whose annotation is taken from the Docs."""
        return list(self.cfg["given"])

    @given.setter
    def given(self, names: Iterable[str]) -> None:
        self.cfg["given"] = self._require_tasks(names)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all tasks but auxiliary ones as people call them (see `Task.readable`), sorted."""
        if self.shim.module is None:
            return ()
        found = labelling.readable(self.module, self.cfg["labels"])
        return tuple(sorted({label for name in self.module.usual for label in found.get(name, ())}))

    @property
    def label_data(self) -> dict[str, list[str]]:
        """Labels by task, as `initialize(labels=...)` takes them."""
        return {} if self.shim.module is None else labelling.vocabularies(self.module, self.cfg["labels"])

    def add_label(self, label: str, task: str | None = None) -> int:
        """Add a label before the pipe is initialized.

        Args:
            label: The label, such as that of an entity; see `Task.readable`.
            task: The task that gets it; may be left out where the graph has one task only.

        Returns:
            0 if it is there already, otherwise 1.

        Raises:
            ValueError: The label is no text.
            LabelError: The pipe is initialized, so that its output layers have their sizes.
            NotImplementedError: The task has labels of its own.
            ConfigError: The task is not named, or there is none of that name.
        """
        if not isinstance(label, str):
            raise ValueError(Errors.E187)
        names = self.module.graph.names()
        if task is None and len(names) > 1:
            if label in self.labels:
                return 0
            raise ConfigError(f"which task gets the label {label!r}? add_label({label!r}, task=...) with {names}")
        (name,) = self._require_tasks([names[0] if task is None else task])
        new = labelling.add(self.module, name, label, self.cfg["labels"])
        if new:
            self.vocab.strings.add(label)
        return int(new)

    def predict(self, docs: Iterable[Doc]) -> list[dict[str, Predictions]]:
        """Predict without changing any Doc.

        Args:
            docs: The Docs; any may be empty.

        Returns:
            Predictions by task, for every Doc.
        """
        spare_threads()
        docs, module, tasks = list(docs), self.module, self.tasks
        predictions: list[dict[str, Predictions]] = [{} for _ in docs]
        for places in by_length([documents.size(doc) for doc in docs], self.words or module.batch_words):
            batch = [docs[i] for i in places]
            found = module.predict(batch, tasks=tasks, given=self.given, precision=self.precision)
            for i, prediction in zip(places, found, strict=True):
                predictions[i] = prediction
        return predictions

    def set_annotations(self, docs: Iterable[Doc], predictions: Iterable[Mapping[str, Predictions]]) -> None:
        """Write predictions to Docs, task by task in graph order.

        Args:
            docs: The Docs.
            predictions: What `predict` gave for them.
        """
        docs = [docs] if isinstance(docs, Doc) else docs
        tasks = [self.module.task(name) for name in self.tasks]
        for doc, found in zip(docs, predictions, strict=True):
            results = doc._.cascade.setdefault(self.name, {})
            for task in tasks:
                if task.name in found:
                    results[task.name] = task.annotate(doc, found[task.name], overwrite=self.overwrite)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: dict[str, list[str]] | None = None,  # spaCy resolves the names in here from its own module
    ) -> None:
        """Build the modules for the labels of training data. Weights of a saved model are kept.

        Args:
            get_examples: Gives the training examples.
            nlp: The pipeline.
            labels: Labels by task, as in `label_data`, instead of those of the examples.

        Raises:
            LabelError: A task finds no label, or the weights are kept and do not know one.
            GraphError: Widths do not fit.
            ConfigError: `labels` names no task of the graph.
        """
        validate_get_examples(get_examples, "CascadePipe.initialize")
        given = labels or {}
        self._require_tasks(given)
        if self.pretrained and self.module.initialized:
            for name, label in ((name, label) for name, values in given.items() for label in values):
                self.module.task(name).require(label)
            return
        fresh = CascadeModel(self.module.graph)
        docs = [example.reference for example in get_examples()]
        collected = labelling.collect(fresh, docs, self.cfg["labels"], given)
        self.shim.module = fresh.initialize(docs, labels=collected)
        self._settle()

    def update(
        self, examples: Iterable[Example], *, drop: float = 0.0, sgd: Any = None, losses: Losses | None = None
    ) -> Losses:
        """Add the gradient of a batch, and take a step if there is an optimizer.

        Args:
            examples: The batch; tasks without gold give no loss.
            drop: Not used: encoder, edges and tasks of a graph name their own dropout.
            sgd: thinc's optimizer; None or False to accumulate gradient only.
            losses: Where the loss is added, under the pipe's name.

        Returns:
            The losses.

        Raises:
            ValueError: The loss is not a number (spaCy's E910).
        """

        def loss(batch: list[Example]) -> Tensor:
            auxiliary = [n for n in self.module.graph.order() if self.module.task(n).auxiliary]
            return self.get_loss(batch, forward(self.module, batch, [*self.tasks, *auxiliary], self.given))[1]

        return self._learn(examples, loss, sgd=sgd, losses=losses)

    def finish_update(self, sgd: Any) -> None:
        """Take a step with thinc's optimizer; a step makes the calibration of tasks stale, which goes."""
        module = self.shim.module
        if module is not None and any(parameter.grad is not None for parameter in module.parameters()):
            module.uncalibrate(module.graph.names())
        super().finish_update(sgd)

    def rehearse(
        self, examples: Iterable[Example], *, drop: float = 0.0, sgd: Any = None, losses: Losses | None = None
    ) -> Losses:
        """Pull the distributions of all tasks towards those from before `nlp.resume_training()`.

        Args:
            examples: Examples; only their texts matter.
            drop: Not used.
            sgd: thinc's optimizer.
            losses: Where the loss is added, under the pipe's name.

        Returns:
            The losses.
        """
        if self._rehearsal_model is None:
            return losses if losses is not None else {}
        tutor: CascadeModel = self._rehearsal_model.shims[0].module  # type: ignore[attr-defined]

        def loss(batch: list[Example]) -> Tensor:
            return rehearsal_loss(self.module, tutor, [example.predicted for example in batch], self.tasks)

        return self._learn(examples, loss, sgd=sgd, losses=losses)

    def get_loss(self, examples: Iterable[Example], scores: Forward) -> tuple[float, Tensor]:
        """Sum of the tasks' losses, each a mean per row with gold.

        Args:
            examples: The batch.
            scores: A forward pass over it; see `cascade.components.learning`.

        Returns:
            The loss, and the same as a tensor from which its gradient flows.
        """
        loss = gold_loss(self.module, scores)
        return float(loss.detach()), loss

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Scores of the tasks that are switched on, by spaCy's keys."""
        if self.scorer is None:
            return {}
        tasks = [self.module.task(name) for name in self.tasks]
        return self.scorer(examples, **{"labels": self.labels, **kwargs, "tasks": tasks})

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save to a folder that is a model folder too; see `cascade.storage`.

        Args:
            path: The folder.
            exclude: What to leave out: `cfg`, `vocab`, `model`.

        Raises:
            ModelError: See `cascade.storage.save`.
        """
        path = Path(path)
        (path / "cfg").unlink(missing_ok=True)
        if "model" not in exclude and self.shim.module is not None and self.module.initialized:
            storage.save(self.module, path)
        path.mkdir(parents=True, exist_ok=True)
        if "cfg" not in exclude:
            srsly.write_json(path / "cfg", self.cfg)
        if "vocab" not in exclude:
            self.vocab.to_disk(path / "vocab", exclude=exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> CascadePipe:
        """Load what `to_disk` has saved, or any model folder.

        Args:
            path: The folder.
            exclude: What to leave out: `cfg`, `vocab`, `model`.

        Raises:
            ModelError: See `cascade.storage.load`.
        """
        path = Path(path)
        saved = (path / "cfg").is_file()
        if "cfg" not in exclude and saved:
            self._take_up(srsly.read_json(path / "cfg"))
        if "vocab" not in exclude and (path / "vocab").is_dir():
            self.vocab.from_disk(path / "vocab", exclude=exclude)
        if "model" not in exclude and ((path / storage.META).is_file() or not saved):
            self.shim.module = storage.load(path)
            self.pretrained = True
        self._settle()
        return self

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> CascadePipe:
        """Load what `to_bytes` gave.

        Args:
            bytes_data: The bytes.
            exclude: What to leave out: `cfg`, `vocab`, `model`.

        Raises:
            ModelError: See `cascade.storage.from_bytes`.
        """
        before, cfg = self.shim.module, dict(self.cfg)
        super().from_bytes(bytes_data, exclude=tuple(exclude))
        saved, self.cfg = self.cfg, cfg
        self._take_up(saved)
        self.pretrained = self.pretrained or self.shim.module is not before
        self._settle()
        return self

    def _take_up(self, saved: Mapping[str, Any]) -> None:
        """Take up a saved `cfg`; what it switches on and off gives way to a config that has been changed since."""
        made = self.cfg["made"]
        changed = [key for key in made if saved.get("made", made)[key] != made[key]]
        self.cfg.update({key: value for key, value in saved.items() if key not in [*changed, "made"]})

    def _settle(self) -> None:
        """Take up a new module: check that it has the tasks that are named, and move it to the device."""
        if self.shim.module is not None:
            self._require_tasks([*(self.cfg["tasks"] or ()), *self.given])
            self.module.to(self.device or get_torch_default_device())

    def _require_tasks(self, names: Iterable[str]) -> list[str]:
        names, known = list(names), self.module.graph.names()
        strangers = [name for name in names if name not in known]
        if strangers:
            raise ConfigError(f"the pipe {self.name!r} has no task {', '.join(strangers)}: it has {', '.join(known)}")
        return names

    def _learn(self, examples: Iterable[Example], get_loss: BatchLoss, *, sgd: Any, losses: Losses | None) -> Losses:
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "CascadePipe.update")
        if not any(len(example.predicted) for example in examples):
            return losses
        self.module.train()
        try:
            loss = get_loss(examples)
            if not torch.isfinite(loss):
                raise ValueError(Errors.E910.format(name=self.name))
            torch.autograd.backward(loss)
        finally:
            self.module.eval()
        if sgd not in (None, False):
            self.finish_update(sgd)
        losses[self.name] += float(loss.detach())
        return losses
