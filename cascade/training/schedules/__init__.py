"""Schedules: which Docs and which tasks every step of an epoch is about."""

from cascade.training.schedules.base import Annotated, Schedule, Step
from cascade.training.schedules.joint import Joint
from cascade.training.schedules.mixed import Mixed
from cascade.training.schedules.round_robin import RoundRobin
from cascade.training.schedules.sampled import Sampled
from cascade.training.schedules.successive import Successive

__all__ = ["Annotated", "Joint", "Mixed", "RoundRobin", "Sampled", "Schedule", "Step", "Successive"]
