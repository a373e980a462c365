"""How far a run goes, and where it stands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How far a run goes, and when it pauses.

    Args:
        epochs: Epochs at most.
        accumulate: Batches per update.
        evaluate_every: Epochs between evaluations.
        evaluate_steps: Updates between evaluations, instead.
        checkpoint_every: Updates between checkpoints, besides the one at the end of every epoch.
        patience: Evaluations without a better score after which the run ends.
        vote: Whether every task has to be out of patience, each with its own score.
        best_by_task: Whether the best model of every task is kept, besides that of all.
        score_weights: See `total_score`.
        seed: What everything random comes from.
    """

    epochs: int
    accumulate: int
    evaluate_every: int
    evaluate_steps: int | None
    checkpoint_every: int | None
    patience: int | None
    vote: bool
    best_by_task: bool
    score_weights: Mapping[str, float]
    seed: int

    def evaluates(self, position: Position) -> bool:
        """Whether the model is to be evaluated now; always at the end of the last epoch."""
        if position.epoch == self.epochs:
            return True
        if self.evaluate_steps is not None:
            return position.total % self.evaluate_steps == 0
        return position.update == 0 and position.epoch % self.evaluate_every == 0

    def checkpoints(self, position: Position) -> bool:
        """Whether a checkpoint is to be written now."""
        every = self.checkpoint_every
        return position.update == 0 or self.over(position) or (every is not None and position.total % every == 0)

    def over(self, position: Position) -> bool:
        """Whether nothing is left to do."""
        if position.epoch >= self.epochs:
            return True
        waits = position.stale_tasks.values() if self.vote else [position.stale]
        return self.patience is not None and len(waits) > 0 and min(waits) >= self.patience

    def progress(self, position: Position, updates: int) -> float:
        """The share of the whole training that lies before the middle of the next update.

        Args:
            position: Where the run stands.
            updates: Updates of the current epoch.
        """
        return (position.epoch + (position.update + 0.5) / updates) / self.epochs


@dataclass
class Position:
    """Where a run stands.

    Args:
        epoch: Epoch, from 0.
        update: Updates taken in this epoch.
        total: Updates taken in all.
        rows: Lines of the log.
        best: The best score so far; None before the first one.
        stale: Evaluations since then.
        scores: What the best model scored, by spaCy's keys.
        losses: Mean loss by task for every epoch that has ended.
        mains: Main score by task for every evaluation.
        evaluated: Evaluations when this epoch began.
        best_tasks: The best main score so far by task.
        stale_tasks: Evaluations since then.
    """

    epoch: int = 0
    update: int = 0
    total: int = 0
    rows: int = 0
    best: float | None = None
    stale: int = 0
    scores: dict[str, float] = field(default_factory=dict)
    losses: list[dict[str, float]] = field(default_factory=list)
    mains: list[dict[str, float]] = field(default_factory=list)
    evaluated: int = 0
    best_tasks: dict[str, float] = field(default_factory=dict)
    stale_tasks: dict[str, int] = field(default_factory=dict)

    def advance(self, updates: int) -> None:
        """One update further.

        Args:
            updates: Updates of the current epoch; after the last, the next epoch begins.
        """
        self.total += 1
        self.update = (self.update + 1) % updates
        self.epoch += self.update == 0

    def improved(self, mains: Mapping[str, float]) -> list[str]:
        """Take note of an evaluation's main scores by task.

        Returns:
            The tasks that have never been as good.
        """
        better = [task for task, score in mains.items() if score > self.best_tasks.get(task, -math.inf)]
        for task, score in mains.items():
            self.stale_tasks[task] = 0 if task in better else self.stale_tasks[task] + 1
            if task in better:
                self.best_tasks[task] = score
        return better
