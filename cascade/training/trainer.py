"""The trainer: everything that a training is made of, and `fit`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import safetensors.torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from rich.console import Console

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.nn.precision import Precision
from cascade.storage import WEIGHTS
from cascade.training import processes
from cascade.training.averaging import moving_average
from cascade.training.corpus import Corpus, annotated, initialize
from cascade.training.device import accelerator
from cascade.training.fingerprint import fingerprint
from cascade.training.folder import RunFolder
from cascade.training.freezing import Frozen, frozen_tasks
from cascade.training.gradients import Flow, Gradients, Sum
from cascade.training.observing import Observer
from cascade.training.optimizers import ENCODER, WEIGHTING, Adam, Optimizer
from cascade.training.plan import Plan
from cascade.training.progress import Display
from cascade.training.regularizers import Regularizer
from cascade.training.run import Run
from cascade.training.schedules import Annotated, Joint, Schedule
from cascade.training.unfreezing import Unfreezing
from cascade.training.updates import Updates
from cascade.training.weighting import Static, Weighting

COUNTS = ("epochs", "accumulate", "evaluate_every", "evaluate_steps", "checkpoint_every", "patience")


@dataclass(kw_only=True)
class Trainer:
    """Trains a model on corpora that may each carry gold for other tasks.

    Args:
        model: The model; `fit` initializes it from the training Docs if that has not been done.
        corpora: What it is trained and evaluated on.
        schedule: Which Docs and tasks every step is about.
        optimizer: The optimizer's specification.
        weighting: What the losses of the tasks count for.
        gradients: How the gradients of the tasks become one.
        regularizers: Penalties that are added to the loss.
        epochs: Epochs at most.
        clip: Largest norm of an update's gradient; None: any.
        clips: The same for the steps of a task's sweep, by task.
        rates: Factors of the learning rate by task, and under `encoder` and `weighting`; see `Optimizer.adjust`.
        joins: Share of the training after which a task's loss counts, by task; from the beginning for all others. A
            task that judges what another one finds has little to learn, and much to disturb, before that one can. Until
            then it has no part in penalties either, and a batch none of whose tasks has joined changes nothing.
        join_warmup: Share of the training in which the weight of such a loss rises linearly from 0 to 1. It is the loss
            that rises and not the learning rate of the task's node: the node, which knows nothing yet, may learn as
            fast as it can, while the others feel what it asks of them little by little.
        unfreezing: When the layers of the encoder are trained, and at which rates; None: all at once, and at one.
        frozen: Tasks of a trained model that training must leave as they are, with all their ancestors and the layers
            of the encoder that these need: they are not trained, gold for them is passed over, and at the end weights
            and outputs have to be what they were, bit by bit. See `cascade.training.freezing.Frozen`.
        average: Decay of the weights' moving average, which is then what is evaluated and saved; None: no average.
        accumulate: Batches per update of the weights, in every process where there are several; see
            `cascade.training.processes`.
        precision: `bf16`: forward passes in bfloat16 where torch deems it safe; losses and weights stay in float32. On
            a CPU that has no bfloat16, everything does.
        evaluate_every: Epochs between evaluations.
        evaluate_steps: Updates between evaluations, instead.
        checkpoint_every: Updates between checkpoints, besides the one at the end of every epoch.
        patience: Evaluations without a better score after which training ends; None: never.
        vote: End only when every task has been without a better score of its own for so long (Sanh et al. 2019).
        best_by_task: Keep the best model of every task too, in `best_by_task/TASK`.
        score_weights: Weights of scores, by spaCy's keys, in the one figure that chooses the best model; without any,
            it is the mean of one main score per task.
        seed: What everything random comes from.
        cpu: Whether to stay on the CPU where there is a GPU.
        observers: Who looks on while the model is trained, and changes nothing.
        console: Where progress is shown; `Console(quiet=True)` for nowhere.

    Raises:
        TrainingError: A setting makes no sense.
    """

    model: CascadeModel = field(kw_only=False, repr=False)
    corpora: Sequence[Corpus]
    schedule: Schedule = field(default_factory=Joint)
    optimizer: Optimizer = field(default_factory=Adam)
    weighting: Weighting = field(default_factory=Static)
    gradients: Gradients = field(default_factory=Sum)
    regularizers: Sequence[Regularizer] = ()
    epochs: int = 20
    clip: float | None = 5.0
    clips: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    joins: Mapping[str, float] = field(default_factory=dict)
    join_warmup: float = 0.0
    unfreezing: Unfreezing | None = None
    frozen: Sequence[str] = ()
    average: float | None = 0.999
    accumulate: int = 1
    precision: Precision = "no"
    evaluate_every: int = 1
    evaluate_steps: int | None = None
    checkpoint_every: int | None = None
    patience: int | None = None
    vote: bool = False
    best_by_task: bool = False
    score_weights: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    cpu: bool = False
    observers: Sequence[Observer] = field(default=(), repr=False)
    console: Console = field(default_factory=lambda: Console(stderr=True), repr=False)

    def __post_init__(self) -> None:
        problems = [
            f"{name}= has to be 1 or more, got {value}"
            for name in COUNTS
            if (value := getattr(self, name)) is not None and value < 1
        ]
        problems += self._strangers() + self._thawed()
        if self.clips and not self.schedule.sweeps:
            problems.append("clips= needs a schedule that goes task by task, such as Successive(); use clip=")
        if self.vote and self.patience is None:
            problems.append("vote= needs patience=, the evaluations after which a task wants to end")
        if self.average is not None and not 0 < self.average < 1:
            problems.append(f"average= is a decay between 0 and 1, or None, got {self.average}")
        problems += [
            f"joins= has to be 0 or more and below 1, got {n}={v}" for n, v in self.joins.items() if not 0 <= v < 1
        ]
        if not 0 <= self.join_warmup <= 1 or (self.join_warmup and not self.joins):
            problems.append(f"join_warmup= is a share from 0 to 1, for tasks that joins= names, got {self.join_warmup}")
        problems += self.schedule.problems(self.model.graph.order(), within_epochs=self.evaluate_steps is not None)
        problems += [] if self.unfreezing is None else self.unfreezing.problems()
        if self.score_weights and (min(self.score_weights.values()) < 0 or sum(self.score_weights.values()) <= 0):
            problems.append(f"score_weights= have to be positive, got {dict(self.score_weights)}")
        if problems:
            raise TrainingError("\n".join(problems))

    def _strangers(self) -> list[str]:
        tasks = self.model.graph.order()
        names = [*((f"clips= names {n}", n) for n in self.clips)]
        names += [(f"joins= names {n}", n) for n in self.joins]
        names += [(f"frozen= names {n}", n) for n in self.frozen]
        names += [(f"rates= names {n}", n) for n in self.rates if n not in (ENCODER, WEIGHTING)]
        problems = [f"{what}, but the graph has {', '.join(tasks)}" for what, name in names if name not in tasks]
        return problems + [f"no task may be called {n!r}: rename it" for n in tasks if n in (ENCODER, WEIGHTING)]

    def _thawed(self) -> list[str]:
        """What is to be trained although it is frozen."""
        order = self.model.graph.order()
        if any(name not in order for name in self.frozen):
            return []
        frozen = frozen_tasks(self.model, self.frozen)
        trained = [name for name in order if name not in frozen]
        if not trained:
            return [f"frozen= leaves nothing to train: {', '.join(frozen)} are all tasks of the graph"]
        settings = {"clips=": self.clips, "joins=": self.joins, "rates=": self.rates}
        named = [f"{key} names {name}" for key, names in settings.items() for name in names if name in frozen]
        within = self.evaluate_steps is not None
        known = self.schedule.problems(order, within_epochs=within)
        named += [p for p in self.schedule.problems(trained, within_epochs=within) if frozen and p not in known]
        return [f"{problem}, and frozen= has {', '.join(frozen)}: take it out of one of them" for problem in named]

    def fit(self, output_dir: str | Path, *, resume: bool = False) -> dict[str, float]:
        """Train; afterwards the model carries the weights of the best evaluation.

        Calibration is forgotten, but that of frozen tasks.

        Args:
            output_dir: The folder of the run; see `RunFolder`.
            resume: Go on with the run that the folder holds, if it holds one.

        Returns:
            The scores of the best model, by spaCy's keys.

        Raises:
            TrainingError: The folder holds a run and `resume` is off, or another run; a task has no gold; a loss is not
                finite; a checkpoint cannot be written or read; what is frozen has changed.
            ConfigError: The graph has a part that is not registered, so that the model could not be saved.
        """
        folder = RunFolder(output_dir)
        found = folder.holds_run(resume=resume)
        set_seed(self.seed)
        frozen = frozen_tasks(self.model, self.frozen)
        self.model.uncalibrate(name for name in self.model.graph.order() if name not in frozen)
        with ExitStack() as stack:
            run = self._run(folder, stack)
            run.check()
            if processes.rank():
                set_seed(self.seed + processes.rank())
            processes.wait()
            if found:
                run.restore()
            else:
                run.save()
            run.go()
        processes.wait()
        safetensors.torch.load_model(self.model, folder.best / WEIGHTS)
        if run.updates.frozen is not None:
            run.updates.frozen.verify()
        return run.position.scores

    def _run(self, folder: RunFolder, stack: ExitStack) -> Run:
        """A run that is ready to go; the stack releases what it has frozen."""
        fresh = not self.model.initialized
        if fresh and self.frozen:
            raise TrainingError("frozen= is for a model that has been trained: load it, or leave frozen= out")
        if fresh:
            initialize(self.model, self.corpora)
        made = accelerator(self.precision, cpu=self.cpu)
        display = Display(self.console if processes.is_first() else Console(quiet=True))
        if made.mixed_precision != self.precision:
            display.print(f"no {self.precision}: this CPU does not have it, training goes on in float32")
        identity = fingerprint(self.model, self.corpora, self._settings())
        corpora = self._annotated(fresh, display)
        updates = self._updates(made, stack)
        stack.callback(updates.release)
        if updates.frozen is not None:
            identity["frozen weights"] = updates.frozen.digest
        return Run(
            folder,
            identity=identity,
            plan=Plan(**{f.name: getattr(self, f.name) for f in fields(Plan)}),
            schedule=self.schedule,
            corpora=corpora,
            dev=[doc for corpus in self.corpora for doc in corpus.dev],
            updates=updates,
            display=display,
        )

    def _annotated(self, fresh: bool, display: Display) -> list[Annotated]:
        """Training Docs with their tasks; a task that a model knows already needs no gold, but that is said."""
        frozen = frozen_tasks(self.model, self.frozen)
        corpora = annotated(self.model, self.corpora, frozen=frozen, required=None if fresh else ())
        known = {name for docs in corpora for _, names in docs for name in names}
        idle = [name for name in self.model.graph.order() if name not in known and name not in frozen]
        if idle:
            display.print(f"no gold for {', '.join(idle)}: not trained, but changed where they share weights")
        return corpora

    def _updates(self, made: Accelerator, stack: ExitStack) -> Updates:
        self.model.to(made.device).train()
        processes.agree(self.model)
        frozen = Frozen(self.model, self.frozen, self.corpora) if self.frozen else None
        if frozen is not None:
            stack.callback(frozen.release)
        for regularizer in self.regularizers:
            regularizer.begin(self.model, sweeps=self.schedule.sweeps)
        self.weighting.begin(self.model)
        layered = self.unfreezing is not None
        return Updates(
            model=self.model,
            accelerator=made,
            spec=self.optimizer,
            optimizer=self.optimizer.build(self.model, self.weighting.parameters(), layered=layered),
            weighting=self.weighting,
            flow=Flow(self.gradients, [*self.model.parameters(), *self.weighting.parameters()]),
            regularizers=self.regularizers,
            average=None if self.average is None else moving_average(self.model, self.average),
            clip=self.clip,
            clips=self.clips,
            rates=self.rates,
            joins=self.joins,
            join_warmup=self.join_warmup,
            unfreezing=self.unfreezing,
            frozen=frozen,
            observers=self.observers,
        )

    def _settings(self) -> dict[str, Any]:
        """Everything that the result depends on, besides model and corpora."""
        apart = ("model", "corpora", "cpu", "observers", "console")
        settings = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in apart}
        return {**settings, "processes": processes.number()}
