"""How the gradients of several losses become one, where the losses meet."""

from cascade.training.gradients.base import Gradients, Weighted
from cascade.training.gradients.cagrad import CAGrad
from cascade.training.gradients.flow import Flow, require_shared, shared, stack, task_gradients
from cascade.training.gradients.jacobian import Aggregator
from cascade.training.gradients.mgda import MGDA
from cascade.training.gradients.pcgrad import PCGrad
from cascade.training.gradients.sum import Sum

__all__ = [
    "Aggregator",
    "CAGrad",
    "Flow",
    "Gradients",
    "MGDA",
    "PCGrad",
    "Sum",
    "Weighted",
    "require_shared",
    "shared",
    "stack",
    "task_gradients",
]
