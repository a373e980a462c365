"""Projecting conflicting gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from cascade.training.gradients.base import Weighted


@dataclass(frozen=True, kw_only=True)
class PCGrad(Weighted):
    """Takes out of every gradient what points against the others (Yu et al. 2020, algorithm 1).

    Of every g_i a copy goes through the other tasks j in random order, and wherever it has come to point against g_j,
    it is projected onto the plane that g_j is normal to: g_i' -= (g_i' . g_j / ||g_j||^2) g_j. What it is projected
    against is the gradient as it was, not its projection. d = sum_i g_i', the sum of the gradients where none conflict.
    """

    def weights(self, gramian: np.ndarray) -> np.ndarray:
        """What every original gradient counts for in the sum of the projections."""
        projections = np.eye(len(gramian))
        for task, own in enumerate(projections):
            for other in torch.randperm(len(gramian)).tolist():
                conflict = gramian[other] @ own
                if other != task and conflict < 0:
                    own[other] -= conflict / gramian[other, other]
        return np.asarray(projections.sum(0))
