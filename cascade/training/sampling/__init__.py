"""Samplings: how often every task is drawn by the schedule `Sampled`."""

from cascade.training.sampling.annealed import Annealed
from cascade.training.sampling.base import Sampling
from cascade.training.sampling.gaps import GapDriven
from cascade.training.sampling.losses import LossDriven
from cascade.training.sampling.proportional import Proportional
from cascade.training.sampling.temperature import Temperature
from cascade.training.sampling.thompson import Thompson
from cascade.training.sampling.uniform import Uniform

__all__ = [
    "Annealed",
    "GapDriven",
    "LossDriven",
    "Proportional",
    "Sampling",
    "Temperature",
    "Thompson",
    "Uniform",
]
