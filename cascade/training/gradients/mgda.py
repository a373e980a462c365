"""Multiple-gradient descent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from cascade.training.gradients.base import Weighted


@dataclass(frozen=True, kw_only=True)
class MGDA(Weighted):
    """Descends for all tasks at once, or for none (Desideri 2012; Sener and Koltun 2018, section 3.1).

    d = sum_i w_i g_i for the w >= 0, sum_i w_i = 1, that minimizes ||d||: the shortest vector of the gradients' convex
    hull. Its inner product with every gradient is at least ||d||^2; it is 0 where no direction helps all of them. Being
    so short, it follows the smallest gradient: tasks whose gradients differ much in size should be weighed.
    """

    def weights(self, gramian: np.ndarray) -> np.ndarray:
        """The w, exactly.

        For x >= 0, the least ||sum_i x_i g_i||^2 + (sum_i x_i - 1)^2 is reached at a multiple of w, since for x = s w
        the best s leaves ||d||^2 / (1 + ||d||^2), which grows with ||d||; and that is a problem of non-negative least
        squares. The gradients themselves are replaced by a root of their inner products.
        """
        tasks = len(gramian)
        values, vectors = np.linalg.eigh(gramian / (np.trace(gramian) / tasks or 1.0))
        root = np.sqrt(np.clip(values, 0, None))[:, None] * vectors.T
        x, _ = nnls(np.vstack([root, np.ones(tasks)]), np.append(np.zeros(tasks), 1.0))
        return np.asarray(x / x.sum())
