"""Transfer: every task of a cascade beside its own single-task baseline, and what both cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Literal

from confection import Config
from spacy.tokens import Doc

from cascade import docs as documents
from cascade import storage
from cascade.config import dev_from_config, model_from_config, read_config
from cascade.data.batches import by_length
from cascade.diagnostics.ablate import Row, table
from cascade.diagnostics.cells import Measured, Trained
from cascade.diagnostics.comparing import BySeed
from cascade.diagnostics.grids import Outcome, Plan, Told, numbered, seeded
from cascade.diagnostics.overriding import Overrides, override
from cascade.diagnostics.singles import alone, scored, single
from cascade.model import CascadeModel
from cascade.training.folder import RunFolder

CASCADE = "cascade"
DOCS, ROUNDS = 500, 3


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A task in the cascade and by itself.

    Attributes:
        baseline: The tasks of its baseline.
        single: What the baseline scores.
        cascade: What the cascade scores; `delta` is how far that is above the baseline.
    """

    baseline: Sequence[str]
    single: Row
    cascade: Row

    @property
    def verdict(self) -> Literal["negative transfer", "positive transfer", "unclear"]:
        """Whether the 95 % interval of the difference over seeds lies below 0, above, or neither."""
        delta = self.cascade.delta
        if delta is None or delta.low is None or delta.high is None or delta.low <= 0 <= delta.high:
            return "unclear"
        return "negative transfer" if delta.value < 0 else "positive transfer"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What it takes to predict all tasks.

    Attributes:
        models: How many.
        parameters: Of all of them.
        bytes: Of all their tensors.
        training_memory: Largest size of a process that trained one of them, in bytes.
        training_seconds: Of all trainings with one seed, mean over seeds.
        words_per_second: Of prediction, one model after another where there are several; measured in turns.
    """

    models: int
    parameters: int
    bytes: int
    training_memory: int
    training_seconds: float
    words_per_second: float


@dataclass(frozen=True, kw_only=True)
class TransferReport:
    """What `transfer` has found.

    Attributes:
        seeds: Of the trainings.
        tasks: The tasks, by split.
        cascade: What the cascade costs; None where a training failed.
        separate: What the baselines cost together; None as well.
        without: Tasks without a baseline, since they cannot be without all the others.
        failures: What trainings said that failed, by name and seed.
    """

    seeds: Sequence[int]
    tasks: Sequence[Transfer]
    cascade: Cost | None
    separate: Cost | None
    without: Sequence[str]
    failures: Mapping[tuple[str, int], str]


def transfer(
    config: str | Path,
    output_dir: str | Path,
    *,
    seeds: int | Sequence[int] = 3,
    test: Overrides | None = None,
    overrides: Overrides | None = None,
    jobs: int | None = None,
    told: Told = lambda line: None,
) -> TransferReport:
    """Train a cascade and the single-task baseline of each of its tasks with several seeds, and compare them.

    A baseline has the same encoder, data and settings, and as many epochs; see `cascade.diagnostics.singles`. Its best
    model is chosen by its own score, that of the cascade as the config says. Called again with the same folder, it
    goes on where it was.

    Args:
        config: A file, or the name of a shipped pipeline.
        output_dir: Each training goes into a folder NAME/SEED of this one.
        seeds: Which, or how many from 0.
        test: See `cascade.diagnostics.ablate.grid`.
        overrides: Changes of the config.
        jobs: Trainings at a time; by default as many as there are cores and room in memory.
        told: Is told a line when a training ends.

    Raises:
        ConfigError: Before any training starts: see `cascade.diagnostics.ablate.grid`.
    """
    raw, common, chosen = read_config(config, interpolate=False), overrides or {}, numbered(seeds)
    graph = model_from_config(override(raw, common)).graph
    parts = {name: alone(graph, name).order() for name in scored(graph)}
    singles = {f"{name} alone": name for name, part in parts.items() if len(part) < len(graph)}

    @cache
    def whole(seed: int) -> Config:
        return override(raw, {**common, **seeded(raw, seed)})

    plan = Plan(
        names=[CASCADE, *singles],
        seeds=chosen,
        make=lambda name, seed: single(whole(seed), singles[name]) if name in singles else whole(seed),
        test=None if test is None else override(raw, {**common, **test}),
    )
    outcome = plan.carry_out(output_dir, jobs=jobs, told=told)
    together = separate = None
    if not outcome.failures:
        together, separate = _costs(outcome, singles, plan.folders(output_dir), whole(chosen[0]), chosen)
    return TransferReport(
        seeds=chosen,
        tasks=_compared(outcome, singles, parts),
        cascade=together,
        separate=separate,
        without=[name for name in parts if name not in singles.values()],
        failures=outcome.failures,
    )


def _compared(outcome: Outcome, singles: Mapping[str, str], parts: Mapping[str, Sequence[str]]) -> list[Transfer]:
    dev = {name: {seed: own.dev for seed, own in by_seed.items()} for name, by_seed in outcome.trained.items()}
    found = []
    for split, measured in (("dev", dev), ("test", outcome.tested)):
        # All baselines as one system, so that the cascade is compared with each task's own.
        both = {"alone": _together(measured, singles), CASCADE: measured[CASCADE]}
        rows = {(row.variant, row.task): row for row in table(both, "alone", split)}
        found += [
            Transfer(baseline=parts[task], single=rows["alone", task], cascade=rows[CASCADE, task])
            for task in singles.values()
            if ("alone", task) in rows and (CASCADE, task) in rows
        ]
    return found


def _together(measured: Mapping[str, BySeed], singles: Mapping[str, str]) -> dict[int, Measured]:
    """What all baselines scored, each of its own task, as if they were one model."""
    seeds = dict.fromkeys(chain.from_iterable(measured[name] for name in singles))
    return {
        seed: Measured(
            **{
                part: {
                    task: getattr(measured[name][seed], part)[task]
                    for name, task in singles.items()
                    if seed in measured[name] and task in getattr(measured[name][seed], part)
                }
                for part in ("metrics", "scores", "docs")
            }
        )
        for seed in seeds
    }


def _costs(
    outcome: Outcome, singles: Mapping[str, str], folders: Mapping[str, Path], config: Config, seeds: Sequence[int]
) -> list[Cost]:
    """Costs of the cascade, and of the baselines together."""
    models = {name: storage.load(RunFolder(folder / str(seeds[0])).best) for name, folder in folders.items()}
    docs = dev_from_config(config)
    groups = [{CASCADE: scored(models[CASCADE].graph)}, {name: [task] for name, task in singles.items()}]
    speeds = _speeds([[(models[name], tasks) for name, tasks in own.items()] for own in groups], docs[:DOCS])
    found = []
    for own, speed in zip(groups, speeds, strict=True):
        trained = [outcome.trained[name] for name in own]
        first = [by_seed[seeds[0]] for by_seed in trained]
        every: list[Trained] = [each for by_seed in trained for each in by_seed.values()]
        found.append(
            Cost(
                models=len(own),
                parameters=sum(each.parameters for each in first),
                bytes=sum(each.bytes for each in first),
                training_memory=max(each.memory for each in every),
                training_seconds=sum(each.seconds for each in every) / len(seeds),
                words_per_second=speed,
            )
        )
    return found


def _speeds(groups: Sequence[Sequence[tuple[CascadeModel, list[str]]]], docs: Sequence[Doc]) -> list[float]:
    """Words per second of groups of models with their tasks, which take turns; the best of several rounds."""
    sizes = [documents.size(doc) for doc in docs]
    seconds = [float("inf") for _ in groups]
    for _ in range(ROUNDS):
        for place, group in enumerate(groups):
            start = perf_counter()
            for model, tasks in group:
                for batch in by_length(sizes, model.batch_words):
                    model.predict([docs[i] for i in batch], tasks=tasks)
            seconds[place] = min(seconds[place], perf_counter() - start)
    return [sum(sizes) / best for best in seconds]
