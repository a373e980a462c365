"""A cell of a grid: one training in a process of its own, `python -m cascade.diagnostics.cells FOLDER`."""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
import sys
import threading
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from confection import Config
from spacy.tokens import Doc

from cascade import storage
from cascade.config import dev_from_config, read_config, trainer_from_config
from cascade.errors import CascadeError, ConfigError
from cascade.evaluation import gold_tasks, predict_examples
from cascade.model import CascadeModel
from cascade.training import Corpus, Trainer
from cascade.training.folder import RunFolder
from cascade.training.scoring import main_score

CONFIG, TEST, TRAINED, TESTED, LOG = "config.cfg", "test.cfg", "trained.json", "tested.json", "log.txt"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a model scored.

    Args:
        metrics: Key of the main score by task.
        scores: That score by task.
        docs: The same of every Doc by itself, in the order of the Docs, by task; tasks whose score says nothing of a
            single Doc are absent.
    """

    metrics: Mapping[str, str]
    scores: Mapping[str, float]
    docs: Mapping[str, Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a training came to.

    Args:
        dev: Scores of the best model on the dev Docs.
        parameters: Numbers that it is made of.
        bytes: Size of its tensors.
        memory: Largest size of the process, in bytes.
        seconds: Of the training; of its last part where it was interrupted.
        updates: Of the weights.
    """

    dev: Measured
    parameters: int
    bytes: int
    memory: int
    seconds: float
    updates: int


class Cell:
    """A training and its folder, which is that of a run with a config, a log and a result beside it.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self, config: Config, test: Config | None) -> None:
        """Write down what is to be done.

        Args:
            config: Of the training.
            test: A config whose dev Docs the best model is tested on afterwards, if on any.

        Raises:
            ConfigError: The folder holds another training, or it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if (self.folder / CONFIG).exists():
                self._require_same(config)
            _write(self.folder / CONFIG, config.to_str())
            if test is not None:
                if not self._holds(TEST, test):
                    (self.folder / TESTED).unlink(missing_ok=True)
                _write(self.folder / TEST, test.to_str())
        except OSError as error:
            raise ConfigError(f"cannot write {self.folder}: {error.strerror or error}; name another folder") from error

    def _require_same(self, config: Config) -> None:
        before, now = _flat(Config().from_disk(self.folder / CONFIG)), _flat(config)
        apart = [key for key in dict.fromkeys([*before, *now]) if before.get(key, "") != now.get(key, "")]
        if apart:
            raise ConfigError(
                f"{self.folder} holds another training, which differs in {', '.join(apart[:5])}: name another folder"
            )

    def _holds(self, name: str, config: Config) -> bool:
        path = self.folder / name
        return path.exists() and _flat(Config().from_disk(path)) == _flat(config)

    def done(self, *, test: bool) -> bool:
        """Whether nothing is left to do."""
        return (self.folder / TRAINED).exists() and (not test or (self.folder / TESTED).exists())

    def trained(self) -> Trained:
        """What the training came to."""
        found = json.loads((self.folder / TRAINED).read_bytes())
        return Trained(**{**found, "dev": Measured(**found["dev"])})

    def tested(self) -> Measured:
        """What its best model scored on the test Docs."""
        return Measured(**json.loads((self.folder / TESTED).read_bytes()))

    def work(self) -> None:
        """Train, or go on; then test, where that is asked for. The checkpoint is removed once it is of no use.

        Raises:
            CascadeError: As `Trainer.fit`.
        """
        run = RunFolder(self.folder)
        if not (self.folder / TRAINED).exists():
            _write(self.folder / TRAINED, json.dumps(asdict(self._train(run))))
        shutil.rmtree(run.checkpoints.folder, ignore_errors=True)
        if (self.folder / TEST).exists() and not (self.folder / TESTED).exists():
            docs = dev_from_config(read_config(self.folder / TEST))
            _write(self.folder / TESTED, json.dumps(asdict(measure(storage.load(run.best), docs))))

    def _train(self, run: RunFolder) -> Trained:
        trainer = trainer_from_config(read_config(self.folder / CONFIG))
        trainer.corpora = with_gold(trainer)
        start = perf_counter()
        trainer.fit(self.folder, resume=True)
        seconds, tensors = perf_counter() - start, list(trainer.model.state_dict().values())
        return Trained(
            dev=measure(trainer.model, [doc for corpus in trainer.corpora for doc in corpus.dev]),
            parameters=sum(p.numel() for p in trainer.model.parameters()),
            bytes=sum(t.numel() * t.element_size() for t in tensors),
            memory=_peak(),
            seconds=seconds,
            updates=run.metrics.rows()[-1]["step"],
        )


def with_gold(trainer: Trainer) -> Sequence[Corpus]:
    """The corpora that have gold for a task of the model; a smaller graph may have no use for some.

    All of them are there where the model is initialized.
    """
    model = trainer.model
    if model.initialized:
        return trainer.corpora
    docs = [doc for corpus in trainer.corpora for doc in corpus.train]
    tasks = [deepcopy(model.task(name)) for name in model.graph.order()]
    for task in tasks:
        task.vocabulary = tuple(task.labels(docs))
    return [corpus for corpus in trainer.corpora if any(gold_tasks(doc, tasks) for doc in corpus.train)]


def measure(model: CascadeModel, docs: Sequence[Doc]) -> Measured:
    """The main score of every task, on all Docs and on each."""
    metrics, scores, each = {}, {}, {}
    for name, examples in predict_examples(model, docs).items():
        task = model.task(name)
        metrics[name], scores[name] = main_score(task, task.score(examples))
        alone = [main_score(task, task.score([example]))[1] for example in examples]
        if any(alone) and all(map(math.isfinite, alone)):
            each[name] = alone
    return Measured(metrics=metrics, scores=scores, docs=each)


def _peak() -> int:
    """Largest size of this process, in bytes. On Linux, `ru_maxrss` would begin with that of its parent."""
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(status.read_text().partition("VmHWM:")[2].split(maxsplit=1)[0])
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else 1024 * size


def _write(path: Path, text: str) -> None:
    """Write a file that appears whole or not at all."""
    fresh = path.with_name(f".{path.name}.tmp")
    fresh.write_text(text, encoding="utf8")
    fresh.replace(path)


def _flat(section: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Values by dotted key."""
    flat: dict[str, Any] = {}
    for name, value in section.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {before + name: value}
    return flat


def _end_with_parent() -> None:
    """A process whose parent is gone would train beside the one that is called next."""
    os.read(0, 1)
    os._exit(1)


def main() -> None:
    """Do the work of the cell whose folder the command line names; its standard input ends when the parent does."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        Cell(Path(sys.argv[1])).work()
    except CascadeError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
