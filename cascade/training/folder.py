"""The folder of a run."""

from __future__ import annotations

from pathlib import Path

from cascade import storage
from cascade.errors import TrainingError
from cascade.training.checkpoints import Checkpoints
from cascade.training.metrics import Metrics


class RunFolder:
    """Where everything that a run writes stands.

        last/           the newest checkpoint
        best/           the best model
        best_by_task/   the best model of every task, where that is asked for
        metrics.jsonl   one line per evaluation
        curves.png      losses and scores, drawn at the end

    Args:
        path: The folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.best = self.path / "best"
        self.curves = self.path / "curves.png"
        self.checkpoints = Checkpoints(self.path / "last")
        self.metrics = Metrics(self.path / "metrics.jsonl")

    def best_of(self, task: str) -> Path:
        """Where the best model of a task stands."""
        return self.path / "best_by_task" / task

    def holds_run(self, *, resume: bool) -> bool:
        """Whether there is a run to go on with.

        Args:
            resume: Whether one may be there.

        Raises:
            TrainingError: Something is there that would be overwritten.
        """
        storage.put_back(self.best)
        if self.checkpoints.exists():
            if not resume:
                raise TrainingError(f"{self.path} holds a run already: go on with resume=True, or name another folder")
            return True
        taken = [path.name for path in (self.best, self.metrics.path) if path.exists()]
        if taken:
            raise TrainingError(
                f"{self.path} has {' and '.join(taken)}, but no checkpoint to go on from: name another folder"
            )
        return False
