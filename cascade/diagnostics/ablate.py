"""Ablation: a grid of changes to a config, over seeds, each compared with a baseline."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from cascade.config import read_config
from cascade.diagnostics.cells import Trained
from cascade.diagnostics.comparing import BySeed, Gap, corrected, gap
from cascade.diagnostics.grids import Plan, Told, numbered, seeded
from cascade.diagnostics.overriding import Overrides, override
from cascade.errors import ConfigError

AS_IT_IS = "as it is"
"""Name of the variant without changes."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A task in a variant.

    Attributes:
        variant: Name of the variant.
        split: `dev`, which also chose the best model of every training, or `test`.
        task: Name of the task.
        metric: Its main score.
        scores: That score by seed.
        mean: Over seeds.
        deviation: Standard deviation of a sample; None with a single seed.
        delta: How far it is above the baseline; None in the baseline itself, or where that has no such task.
    """

    variant: str
    split: str
    task: str
    metric: str
    scores: Mapping[int, float]
    mean: float
    deviation: float | None
    delta: Gap | None


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What it takes to train a variant; means over seeds.

    Attributes:
        parameters: Numbers that the model is made of.
        updates: Of the weights.
        seconds: Of the training for every update, evaluations among it; too few where one was interrupted.
        memory: Largest size of a process, in bytes.
    """

    parameters: int
    updates: float
    seconds: float
    memory: float


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """What a grid came to.

    Attributes:
        baseline: The variant that the others are compared with.
        seeds: Of the trainings.
        variants: Changes by variant.
        rows: The table.
        efforts: What the trainings took, by variant.
        failures: What trainings said that failed, by variant and seed.
    """

    baseline: str
    seeds: Sequence[int]
    variants: Mapping[str, Overrides]
    rows: Sequence[Row]
    efforts: Mapping[str, Effort]
    failures: Mapping[tuple[str, int], str]


def grid(
    config: str | Path,
    variants: Mapping[str, Overrides],
    output_dir: str | Path,
    *,
    seeds: int | Sequence[int] = 3,
    baseline: str | None = None,
    test: Overrides | None = None,
    overrides: Overrides | None = None,
    jobs: int | None = None,
    told: Told = lambda line: None,
) -> Ablation:
    """Train variants of a config with several seeds, and compare them with one of them.

    Called again with the same folder, it goes on where it was; trainings that are done are not repeated. Each runs in a
    process of its own, which knows registered parts of installed packages alone.

    Args:
        config: A file, or the name of a shipped pipeline.
        variants: Changes of the config by name; see `cascade.diagnostics.overriding`, `varied`.
        output_dir: Each training goes into a folder VARIANT/SEED of this one.
        seeds: Which, or how many from 0.
        baseline: Name of the variant that the others are compared with; the first one when None.
        test: Changes of the config after which its dev Docs are those that the best models are tested on. Nothing is
            chosen by what they score there.
        overrides: Changes for all variants.
        jobs: Trainings at a time; by default as many as there are cores and room in memory.
        told: Is told a line when a training ends.

    Raises:
        ConfigError: Before any training starts: there is no such baseline, a key is unknown, a variant makes no
            training, or the folder holds another grid.
    """
    if not variants:
        raise ConfigError("a grid needs variants, got none")
    chosen, baseline = numbered(seeds), next(iter(variants)) if baseline is None else baseline
    if baseline not in variants:
        raise ConfigError(f"there is no variant {baseline!r} for a baseline, only {', '.join(map(repr, variants))}")
    raw, common = read_config(config, interpolate=False), overrides or {}
    plan = Plan(
        names=list(variants),
        seeds=chosen,
        make=lambda name, seed: override(raw, {**common, **variants[name], **seeded(raw, seed)}),
        test=None if test is None else override(raw, {**common, **test}),
    )
    outcome = plan.carry_out(output_dir, jobs=jobs, told=told)
    dev = {name: {seed: t.dev for seed, t in own.items()} for name, own in outcome.trained.items()}
    rows = [row for split, found in (("dev", dev), ("test", outcome.tested)) for row in table(found, baseline, split)]
    return Ablation(
        baseline=baseline,
        seeds=chosen,
        variants=variants,
        rows=rows,
        efforts={name: _effort(list(own.values())) for name, own in outcome.trained.items() if own},
        failures=outcome.failures,
    )


def _effort(trained: Sequence[Trained]) -> Effort:
    return Effort(
        parameters=trained[0].parameters,
        updates=statistics.mean(each.updates for each in trained),
        seconds=statistics.mean(each.seconds / each.updates for each in trained),
        memory=statistics.mean(each.memory for each in trained),
    )


def table(found: Mapping[str, BySeed], baseline: str, split: str) -> list[Row]:
    """The rows of a split.

    Args:
        found: What was measured, by variant and seed.
        baseline: The variant that the others are compared with.
        split: Its name.
    """
    rows = []
    for variant, by_seed in found.items():
        for task, metric in {t: m for own in by_seed.values() for t, m in own.metrics.items()}.items():
            scores = {seed: own.scores[task] for seed, own in by_seed.items() if task in own.scores}
            values = list(scores.values())
            rows.append(
                Row(
                    variant=variant,
                    split=split,
                    task=task,
                    metric=metric,
                    scores=scores,
                    mean=statistics.mean(values),
                    deviation=statistics.stdev(values) if len(values) > 1 else None,
                    delta=None if variant == baseline else gap(found[baseline], by_seed, task),
                )
            )
    gaps = iter(corrected([row.delta for row in rows if row.delta is not None]))
    return [row if row.delta is None else replace(row, delta=next(gaps)) for row in rows]


def varied(variants: Mapping[str, Overrides], values: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, Any]]:
    """The variants of a grid: the config as it is and each change, with every combination of some values.

    Args:
        variants: Changes by name; the config as it is stands before them.
        values: Values by dotted key.

    Raises:
        ConfigError: Two have the same name, or nothing is varied.
    """
    if not variants and not any(values.values()):
        raise ConfigError("nothing varies: give --vary KEY=VALUE,VALUE or --variant 'NAME: KEY=VALUE'")
    axes: list[dict[str, dict[str, Any]]] = []
    if variants:
        axes.append({AS_IT_IS: {}, **{name: dict(own) for name, own in variants.items()}})
    for key, choices in values.items():
        named = [(f"{key.rpartition('.')[2]}={_shown(choice)}", {key: choice}) for choice in choices]
        if len(dict(named)) < len(named):
            raise ConfigError(f"{key}: two values look alike; give them names, with --variant 'NAME: KEY=VALUE'")
        axes.append(dict(named))
    found = {}
    for cell in product(*(axis.items() for axis in axes)):
        names = [name for name, _ in cell if name != AS_IT_IS or len(cell) == 1]
        found[", ".join(names)] = {key: value for _, own in cell for key, value in own.items()}
    return found


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return next((str(value[key]) for key in value if key.startswith("@")), "{...}")
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
