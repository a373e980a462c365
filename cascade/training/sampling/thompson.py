"""One task an epoch, chosen by how likely it is to help a main one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cascade.errors import TrainingError
from cascade.training.history import History
from cascade.training.sampling.base import Sampling, strangers

Arms = dict[str, tuple[float, float]]
"""The two parameters of a Beta distribution, by task."""
PRIOR = 1.0
"""Both parameters before anything has been seen, to which they decay."""


@dataclass(frozen=True, kw_only=True)
class Thompson(Sampling):
    """Chooses the task that is trained until the next evaluation by Thompson sampling (Guo et al. 2019, stage 1).

    This is what AutoSeM chooses auxiliary tasks with. Every task is an arm Beta(a, b), at first Beta(1, 1). The main
    task is trained first, then, after every evaluation, the task whose arm gives the largest random draw. The
    reward r is 1 if the main score has not fallen since the evaluation before, else 0. With it, all arms decay,
    (a, b) <- (1 - decay) (a, b) + decay (1, 1), and (r, 1 - r) is added to the arm of the task that was trained.

    Which task was trained when is found by replay: every draw comes from a generator of its own, seeded by `seed` and
    by the number of evaluations before it.

    Args:
        main: The task that the others are to help.
        decay: How quickly rewards are forgotten, from 0 to below 1.
        seed: What the draws come from.
    """

    main: str
    decay: float = 0.3
    seed: int = 0

    def shares(self, sizes: Mapping[str, int], history: History) -> dict[str, float]:
        """1 for the task that is chosen, 0 for the others.

        Raises:
            TrainingError: No training Doc has gold for the main task, or an evaluation did not score it.
        """
        if self.main not in sizes:
            raise TrainingError(f"Thompson trains {self.main} first: add training Docs with gold for it")
        chosen = self._draw(self.arms(sizes, history), len(history.scores))
        return {task: float(task == chosen) for task in sizes}

    def arms(self, tasks: Iterable[str], history: History) -> Arms:
        """The arms after all evaluations so far.

        Args:
            tasks: All tasks that are drawn from, in any order.
            history: What the run has seen.

        Raises:
            TrainingError: An evaluation did not score the main task.
        """
        arms: Arms = dict.fromkeys(tasks, (PRIOR, PRIOR))
        before = 0.0
        for number, scores in enumerate(history.scores):
            if self.main not in scores:
                raise TrainingError(f"Thompson goes by the score of {self.main}: add dev Docs with gold for it")
            chosen, reward = self._draw(arms, number), float(scores[self.main] >= before)
            arms = {task: self._decayed(arm) for task, arm in arms.items()}
            arms[chosen] = (arms[chosen][0] + reward, arms[chosen][1] + 1 - reward)
            before = scores[self.main]
        return arms

    def utilities(self, tasks: Iterable[str], history: History) -> dict[str, float]:
        """The expectations of the arms, a / (a + b): how likely it is that a task does not harm the main one.

        Args:
            tasks: All tasks that are drawn from, in any order.
            history: What the run has seen.

        Raises:
            TrainingError: An evaluation did not score the main task.
        """
        return {task: a / (a + b) for task, (a, b) in self.arms(tasks, history).items()}

    def problems(self, tasks: Sequence[str], *, within_epochs: bool) -> list[str]:
        """An unknown main task, a lonely one, a decay out of range, or evaluations within epochs."""
        problems = strangers("Thompson(main=)", [self.main], tasks)
        if len(tasks) < 2:
            problems.append(f"Thompson chooses among tasks, but the graph has only {', '.join(tasks)}")
        if not 0 <= self.decay < 1:
            problems.append(f"decay= has to be 0 or more and below 1, got {self.decay}")
        if within_epochs:
            problems.append("Thompson trains one task an epoch: evaluate at the end of epochs, without evaluate_steps=")
        return problems

    def _draw(self, arms: Arms, number: int) -> str:
        if number == 0:
            return self.main
        rng = np.random.default_rng([self.seed, number])
        drawn = {task: rng.beta(*arms[task]) for task in sorted(arms)}
        return max(drawn, key=drawn.__getitem__)

    def _decayed(self, arm: tuple[float, float]) -> tuple[float, float]:
        a, b = ((1 - self.decay) * value + self.decay * PRIOR for value in arm)
        return a, b
