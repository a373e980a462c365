"""Many trainings: several configs, each with several seeds, side by side in processes; killed, they go on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from confection import Config

from cascade.config import corpora_from_config, dev_from_config, trainer_from_config
from cascade.diagnostics.cells import LOG, Cell, Measured, Trained
from cascade.diagnostics.overriding import Overrides
from cascade.errors import CascadeError, ConfigError

PAUSE = 0.1  # seconds between looks at the processes

Told = Callable[[str], None]
"""Is told a line when a training ends."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What trainings came to.

    Args:
        trained: By name, then by seed.
        tested: The same of the test, where there is one.
        failures: What those said that failed, by name and seed.
    """

    trained: Mapping[str, Mapping[int, Trained]]
    tested: Mapping[str, Mapping[int, Measured]]
    failures: Mapping[tuple[str, int], str]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be trained.

    Args:
        names: Of the variants.
        seeds: With each of which every variant is trained.
        make: Gives the config of a variant with a seed, interpolated.
        test: A config whose dev Docs the best models are tested on; None: no test.
    """

    names: Sequence[str]
    seeds: Sequence[int]
    make: Callable[[str, int], Config]
    test: Config | None = None

    def check(self) -> None:
        """Find what is wrong before anything is trained: unknown keys, graphs that cannot work, missing files.

        Raises:
            ConfigError: With everything that is wrong, by variant.
        """
        problems, read = list[str](), set[str]()
        for name in self.names:
            try:
                config = self.make(name, self.seeds[0])
                trainer_from_config(config, corpora=())
                described = json.dumps([config.get(key) for key in ("corpora", "nlp")])
                if described not in read:
                    read.add(described)
                    corpora_from_config(config)
            except CascadeError as error:
                problems.append(f"{name}: {error}")
        if self.test is not None:
            try:
                dev_from_config(self.test)
            except CascadeError as error:
                problems.append(f"test: {error}")
        if problems:
            raise ConfigError("\n".join(problems))

    def carry_out(self, folder: str | Path, *, jobs: int | None = None, told: Told = lambda line: None) -> Outcome:
        """Train everything that is not done yet.

        Args:
            folder: Where the trainings go, each into a folder VARIANT/SEED.
            jobs: How many at a time; by default as many as there are cores and room in memory.
            told: Is told when one ends.

        Raises:
            ConfigError: See `check` and `Cell.prepare`.
        """
        self.check()
        cells = {(v, seed): Cell(where / str(seed)) for v, where in self.folders(folder).items() for seed in self.seeds}
        for (variant, seed), cell in cells.items():
            cell.prepare(self.make(variant, seed), self.test)
        # One seed after another, so that what is there after half of the time can be compared.
        left = [key for key in sorted(cells, key=lambda key: key[1]) if not cells[key].done(test=self.test is not None)]
        names = {cells[key].folder: key for key in left}
        lines = {"number": len(cells) - len(left)}

        def ended(path: Path, failure: str | None) -> None:
            lines["number"] += 1
            variant, seed = names[path]
            told(f"{lines['number']}/{len(cells)} {variant}, seed {seed}: {failure or 'done'}")

        failed = run_all(list(names), jobs or affordable(), ended)
        failures = {names[path]: failure for path, failure in failed.items()}
        trained: dict[str, dict[int, Trained]] = {name: {} for name in self.names}
        tested: dict[str, dict[int, Measured]] = {name: {} for name in self.names}
        for (variant, seed), cell in cells.items():
            if (variant, seed) not in failures:
                trained[variant][seed] = cell.trained()
                if self.test is not None:
                    tested[variant][seed] = cell.tested()
        return Outcome(trained=trained, tested=tested, failures=failures)

    def folders(self, folder: str | Path) -> dict[str, Path]:
        """The folder of every variant.

        Raises:
            ConfigError: Two would be the same.
        """
        found = {name: Path(folder) / (re.sub(r"[^\w.=+-]+", "_", name).strip("_.") or "_") for name in self.names}
        if len(set(found.values())) < len(found):
            raise ConfigError(f"variants need names that differ in more than signs, got {', '.join(found)}")
        return found


def seeded(config: Config, seed: int) -> Overrides:
    """The changes that give a config a seed."""
    keys = ["system.seed"] if "seed" in config.get("system", {}) else []
    return dict.fromkeys([*keys, "cascade.trainer.seed"], seed)


def numbered(seeds: int | Sequence[int]) -> list[int]:
    """Seeds, or so many from 0.

    Raises:
        ConfigError: There is none.
    """
    chosen = list(range(seeds)) if isinstance(seeds, int) else list(dict.fromkeys(seeds))
    if not chosen:
        raise ConfigError(f"expected one seed or more, got {seeds}")
    return chosen


def affordable() -> int:
    """How many trainings may run at a time: one a core while there is memory; one on a GPU.

    The size of this process, which has read the corpora, tells that of a training: twice as much.
    """
    if torch.cuda.is_available():
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    room = psutil.virtual_memory().available // (2 * psutil.Process().memory_info().rss)
    return max(1, min(cores, int(room)))


def run_all(
    folders: Sequence[Path], jobs: int, ended: Callable[[Path, str | None], None] = lambda path, failure: None
) -> dict[Path, str]:
    """Do the work of cells, each in a process with one thread.

    Args:
        folders: Those of the cells.
        jobs: Processes at a time.
        ended: Is told the folder when one ends, and what it said if it failed.

    Returns:
        What those said that failed; the others are not held up by them.
    """
    waiting, running, failures = list(folders), dict[Path, subprocess.Popen[bytes]](), dict[Path, str]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                folder = waiting.pop(0)
                running[folder] = start(folder)
            time.sleep(PAUSE)
            for folder in [folder for folder, process in running.items() if process.poll() is not None]:
                with running.pop(folder) as process:
                    if process.returncode:
                        failures[folder] = _last_words(folder, process.returncode)
                ended(folder, failures.get(folder))
    finally:
        for process in running.values():
            with process:
                process.terminate()
    return failures


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start the process of a cell; it ends when this process does."""
    command = [sys.executable, "-m", "cascade.diagnostics.cells", str(folder)]
    with (folder / LOG).open("ab") as log:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )


def _last_words(folder: Path, code: int) -> str:
    log = folder / LOG
    lines = log.read_text(encoding="utf8", errors="replace").strip().splitlines()
    said = "\n".join(lines[max((i for i, line in enumerate(lines) if line.startswith("error: ")), default=-1) :])
    return f"{said.removeprefix('error: ') or 'it said nothing'} (exit code {code}; see {log})"
