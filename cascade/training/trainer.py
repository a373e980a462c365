"""The trainer: everything that a training is made of, and `fit`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import safetensors.torch
from accelerate.utils import set_seed
from rich.console import Console

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.nn.precision import Precision
from cascade.storage import WEIGHTS
from cascade.training.averaging import moving_average
from cascade.training.corpus import Corpus, annotated, initialize
from cascade.training.device import accelerator
from cascade.training.fingerprint import fingerprint
from cascade.training.folder import RunFolder
from cascade.training.optimizers import ENCODER, Adam, Optimizer
from cascade.training.plan import Plan
from cascade.training.progress import Display
from cascade.training.regularizers import Regularizer
from cascade.training.run import Run
from cascade.training.schedules import Joint, Schedule
from cascade.training.updates import Updates

COUNTS = ("epochs", "accumulate", "evaluate_every", "evaluate_steps", "checkpoint_every", "patience")


@dataclass(kw_only=True)
class Trainer:
    """Trains a model on corpora that may each carry gold for other tasks.

    Args:
        model: The model; `fit` initializes it from the training Docs if that has not been done.
        corpora: What it is trained and evaluated on.
        schedule: Which Docs and tasks every step is about.
        optimizer: The optimizer's specification.
        regularizers: Penalties that are added to the loss.
        epochs: Epochs at most.
        clip: Largest norm of an update's gradient; None: any.
        clips: The same for the steps of a task's sweep, by task.
        rates: Factors of the learning rate by task, and under `encoder`; see `Optimizer.adjust`.
        joins: Share of the training after which a task's loss counts, by task; from the beginning for all others. A
            task that judges what another one finds has little to learn, and much to disturb, before that one can.
        average: Decay of the weights' moving average, which is then what is evaluated and saved; None: no average.
        accumulate: Batches per update of the weights.
        precision: `bf16`: forward passes in bfloat16 where torch deems it safe; losses and weights stay in float32. On
            a CPU that has no bfloat16, everything does.
        evaluate_every: Epochs between evaluations.
        evaluate_steps: Updates between evaluations, instead.
        checkpoint_every: Updates between checkpoints, besides the one at the end of every epoch.
        patience: Evaluations without a better score after which training ends; None: never.
        score_weights: Weights of scores, by spaCy's keys, in the one figure that chooses the best model; without any,
            it is the mean of one main score per task.
        seed: What everything random comes from.
        cpu: Whether to stay on the CPU where there is a GPU.
        console: Where progress is shown; `Console(quiet=True)` for nowhere.

    Raises:
        TrainingError: A setting makes no sense.
    """

    model: CascadeModel = field(kw_only=False, repr=False)
    corpora: Sequence[Corpus]
    schedule: Schedule = field(default_factory=Joint)
    optimizer: Optimizer = field(default_factory=Adam)
    regularizers: Sequence[Regularizer] = ()
    epochs: int = 20
    clip: float | None = 5.0
    clips: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    joins: Mapping[str, float] = field(default_factory=dict)
    average: float | None = 0.999
    accumulate: int = 1
    precision: Precision = "no"
    evaluate_every: int = 1
    evaluate_steps: int | None = None
    checkpoint_every: int | None = None
    patience: int | None = None
    score_weights: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    cpu: bool = False
    console: Console = field(default_factory=lambda: Console(stderr=True), repr=False)

    def __post_init__(self) -> None:
        problems = [
            f"{name}= has to be 1 or more, got {value}"
            for name in COUNTS
            if (value := getattr(self, name)) is not None and value < 1
        ]
        problems += self._strangers()
        if self.clips and not self.schedule.sweeps:
            problems.append("clips= needs a schedule that goes task by task, such as Successive(); use clip=")
        if self.average is not None and not 0 < self.average < 1:
            problems.append(f"average= is a decay between 0 and 1, or None, got {self.average}")
        problems += [
            f"joins= has to be 0 or more and below 1, got {n}={v}" for n, v in self.joins.items() if not 0 <= v < 1
        ]
        if self.score_weights and (min(self.score_weights.values()) < 0 or sum(self.score_weights.values()) <= 0):
            problems.append(f"score_weights= have to be positive, got {dict(self.score_weights)}")
        if problems:
            raise TrainingError("\n".join(problems))

    def _strangers(self) -> list[str]:
        tasks = self.model.graph.order()
        names = [*((f"clips= names {n}", n) for n in self.clips)]
        names += [(f"joins= names {n}", n) for n in self.joins]
        names += [(f"rates= names {n}", n) for n in self.rates if n != ENCODER]
        problems = [f"{what}, but the graph has {', '.join(tasks)}" for what, name in names if name not in tasks]
        return problems + [f"no task may be called {ENCODER!r}: rename it" for name in tasks if name == ENCODER]

    def fit(self, output_dir: str | Path, *, resume: bool = False) -> dict[str, float]:
        """Train; afterwards the model carries the weights of the best evaluation.

        Args:
            output_dir: The folder of the run; see `RunFolder`.
            resume: Go on with the run that the folder holds, if it holds one.

        Returns:
            The scores of the best model, by spaCy's keys.

        Raises:
            TrainingError: The folder holds a run and `resume` is off, or another run; a task has no gold; a loss is not
                finite; a checkpoint cannot be written or read.
            ConfigError: The graph has a part that is not registered, so that the model could not be saved.
        """
        folder = RunFolder(output_dir)
        found = folder.holds_run(resume=resume)
        set_seed(self.seed)
        run = self._run(folder)
        if found:
            run.restore()
        else:
            run.save()
        run.go()
        safetensors.torch.load_model(self.model, folder.best / WEIGHTS)
        return run.position.scores

    def _run(self, folder: RunFolder) -> Run:
        if not self.model.initialized:
            initialize(self.model, self.corpora)
        display = Display(self.console)
        return Run(
            folder,
            identity=fingerprint(self.model, self.corpora, self._settings()),
            plan=Plan(**{f.name: getattr(self, f.name) for f in fields(Plan)}),
            schedule=self.schedule,
            corpora=annotated(self.model, self.corpora),
            dev=[doc for corpus in self.corpora for doc in corpus.dev],
            updates=self._updates(display),
            display=display,
        )

    def _updates(self, display: Display) -> Updates:
        made = accelerator(self.precision, cpu=self.cpu)
        if made.mixed_precision != self.precision:
            display.print(f"no {self.precision}: this CPU does not have it, training goes on in float32")
        self.model.to(made.device).train()
        for regularizer in self.regularizers:
            regularizer.begin(self.model, sweeps=self.schedule.sweeps)
        return Updates(
            model=self.model,
            accelerator=made,
            spec=self.optimizer,
            optimizer=self.optimizer.build(self.model),
            regularizers=self.regularizers,
            average=None if self.average is None else moving_average(self.model, self.average),
            clip=self.clip,
            clips=self.clips,
            rates=self.rates,
            joins=self.joins,
        )

    def _settings(self) -> dict[str, Any]:
        """Everything that the result depends on, besides model and corpora."""
        apart = ("model", "corpora", "cpu", "console")
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in apart}
