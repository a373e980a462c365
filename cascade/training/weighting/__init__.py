"""Weightings: what the losses of several tasks count for in the one that is minimized."""

from cascade.training.weighting.average import DynamicAverage
from cascade.training.weighting.base import Weighting
from cascade.training.weighting.geometric import Geometric
from cascade.training.weighting.gradnorm import GradNorm
from cascade.training.weighting.prioritization import Prioritization
from cascade.training.weighting.random import RandomWeights
from cascade.training.weighting.static import Static
from cascade.training.weighting.uncertainty import Uncertainty

__all__ = [
    "DynamicAverage",
    "Geometric",
    "GradNorm",
    "Prioritization",
    "RandomWeights",
    "Static",
    "Uncertainty",
    "Weighting",
]
