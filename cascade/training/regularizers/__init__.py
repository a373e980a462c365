"""Penalties that are added to the loss."""

from cascade.training.regularizers.anchor import Anchor
from cascade.training.regularizers.base import Regularizer
from cascade.training.regularizers.consistency import Consistency
from cascade.training.regularizers.distillation import Distillation
from cascade.training.regularizers.elastic import Elastic
from cascade.training.regularizers.fisher import load_fisher, measure_fisher, save_fisher
from cascade.training.regularizers.forgetless import Forgetless
from cascade.training.regularizers.l2 import L2
from cascade.training.regularizers.orthogonality import Orthogonality
from cascade.training.regularizers.soft_sharing import SoftSharing
from cascade.training.regularizers.subspaces import Subspaces
from cascade.training.regularizers.successive import Successive

__all__ = [
    "Anchor",
    "Consistency",
    "Distillation",
    "Elastic",
    "Forgetless",
    "L2",
    "Orthogonality",
    "Regularizer",
    "SoftSharing",
    "Subspaces",
    "Successive",
    "load_fisher",
    "measure_fisher",
    "save_fisher",
]
