"""What a trained model does inside: which edges are alive, whose errors cost whom, how sure it may be, and where."""

from cascade.diagnostics.domains import Shift, Side, shift
from cascade.diagnostics.forgetting import Change, forgetting
from cascade.diagnostics.injection import Propagation, propagation
from cascade.diagnostics.liveness import EdgeReport, edges
from cascade.diagnostics.reliability import (
    Calibration,
    Measures,
    adaptive_ece,
    calibration,
    classwise_ece,
)

__all__ = [
    "Calibration",
    "Change",
    "EdgeReport",
    "Measures",
    "Propagation",
    "Shift",
    "Side",
    "adaptive_ece",
    "calibration",
    "classwise_ece",
    "edges",
    "forgetting",
    "propagation",
    "shift",
]
