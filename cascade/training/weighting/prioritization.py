"""Weights that fall as the scores of the tasks rise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training.history import History
from cascade.training.weighting.base import Weighting, require_tasks

LEAST = 1e-3
"""A score counts as no lower than this, where the weight would be infinite, and no higher than 1 less this."""


@dataclass(kw_only=True)
class Prioritization(Weighting):
    """Gives difficult tasks priority by their scores: dynamic task prioritization (Guo et al. 2018, section 3).

    A batch minimizes sum_i -(1 - k_i)^gamma log(k_i) L_i over its tasks, where k_i is the moving average
    k_i <- alpha * score + (1 - alpha) * k_i of the task's main score on the dev Docs, which begins with the first one.
    A task that has not been scored yet has the weight 1.

    Args:
        alpha: Share of the newest score in the average, above 0 and up to 1.
        gamma: How much more a task counts that scores low; 0 or more.
        alphas: alpha for some tasks, by name.
        gammas: gamma for some tasks, by name.
    """

    alpha: float = 0.5
    gamma: float = 1.0
    alphas: Mapping[str, float] = field(default_factory=dict)
    gammas: Mapping[str, float] = field(default_factory=dict)

    def begin(self, model: CascadeModel) -> None:
        """Check the settings.

        Raises:
            TrainingError: A setting names no task of the model, or has no sense.
        """
        require_tasks(model, "alphas", self.alphas)
        require_tasks(model, "gammas", self.gammas)
        alphas, gammas = [self.alpha, *self.alphas.values()], [self.gamma, *self.gammas.values()]
        if not all(0 < alpha <= 1 for alpha in alphas):
            raise TrainingError(f"weighting: alpha= and alphas= have to be above 0 and up to 1, got {alphas}")
        if not all(0 <= gamma < math.inf for gamma in gammas):
            raise TrainingError(f"weighting: gamma= and gammas= have to be 0 or more, and finite, got {gammas}")

    def weigh(self, losses: Mapping[str, Tensor], history: History) -> dict[str, Tensor]:
        """-(1 - k_i)^gamma log(k_i) L_i."""
        return {task: self._weight(task, history) * loss for task, loss in losses.items()}

    def _weight(self, task: str, history: History) -> float:
        scores = [own[task] for own in history.scores if task in own]
        if not scores:
            return 1.0
        alpha, average = self.alphas.get(task, self.alpha), scores[0]
        for score in scores[1:]:
            average = alpha * score + (1 - alpha) * average
        k = min(max(average, LEAST), 1 - LEAST)
        return -math.pow(1 - k, self.gammas.get(task, self.gamma)) * math.log(k)
