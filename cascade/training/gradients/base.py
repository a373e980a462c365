"""What a gradient method is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Gradients(ABC):
    """How the gradients of several losses become one."""

    @abstractmethod
    def combine(self, gradients: Tensor) -> Tensor:
        """One gradient for the parameters that several losses reach.

        Args:
            gradients: Those of the tasks; a task that does not reach a parameter has 0 there. Shape: [tasks,
                parameters].

        Returns:
            Shape: [parameters].
        """


@dataclass(frozen=True, kw_only=True)
class Weighted(Gradients):
    """A method that weighs the gradients by their inner products alone."""

    def combine(self, gradients: Tensor) -> Tensor:
        """The weighted sum."""
        weights = self.weights((gradients @ gradients.T).cpu().numpy().astype(np.float64))
        return torch.as_tensor(weights, dtype=gradients.dtype, device=gradients.device) @ gradients

    @abstractmethod
    def weights(self, gramian: np.ndarray) -> np.ndarray:
        """What every gradient counts for.

        Args:
            gramian: Their inner products. Shape: [tasks, tasks].

        Returns:
            Shape: [tasks].
        """
