"""A training that is watched from outside, and stopped as soon as it is good enough."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from tests.bench.fresh import ROOT, environment

COMMAND = [sys.executable, "-W", "ignore", "-c", "from cascade.cli import main; main()", "train"]
POLL = 0.5


def train_until(
    config: str, *, las: float, folder: Path, minutes: float, options: Sequence[str] = ()
) -> dict[str, float]:
    """Run `cascade train` until an evaluation on dev reaches a score, until its end, or until the time is over.

    Args:
        config: A shipped pipeline, or the file of a config.
        las: The score.
        folder: Where the run goes.
        minutes: The time.
        options: More options of the command.

    Returns:
        `las`, the best that it reached; `minutes` from the start of the process, with the reading of the data and all
        evaluations, until that score was written; `epoch` and `step`.

    Raises:
        RuntimeError: The command has failed; its messages are on standard error.
    """
    every_epoch = ["--cascade.trainer.evaluate_every", "1"]
    begin = monotonic()
    process = subprocess.Popen(
        [*COMMAND, config, "--output", str(folder), *every_epoch, *options],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    best: dict[str, float] = {"las": 0.0}
    seen = 0
    try:
        while best["las"] < las and monotonic() - begin < 60 * minutes:
            ended = process.poll() is not None
            for row in _rows(folder / "metrics.jsonl")[seen:]:
                seen += 1
                taken, found = (monotonic() - begin) / 60, _las(row["scores"])
                if found > best["las"]:
                    best = {"las": found, "minutes": taken, "epoch": row["epoch"], "step": row["step"]}
            if ended:
                break
            sleep(POLL)
    finally:
        process.terminate()
        process.wait()
    if process.returncode > 0:
        raise RuntimeError(f"cascade train {config} failed, see its messages above")
    return best


def _rows(path: Path) -> list[dict[str, Any]]:
    """The evaluations so far; a line that is still being written does not count."""
    lines = path.read_text(encoding="utf8").splitlines(keepends=True) if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _las(scores: Mapping[str, Mapping[str, Any]]) -> float:
    """The score of whichever task gives it."""
    return max(float(own["dep_las"] or 0.0) for own in scores.values() if "dep_las" in own)
