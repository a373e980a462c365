"""Sharing schemes: what tasks share of an encoder, and what each has of its own."""

from cascade.nn.sharing.base import Conditioner, Conditioning
from cascade.nn.sharing.bottleneck import Bottleneck
from cascade.nn.sharing.hypernetwork import HyperNetwork
from cascade.nn.sharing.low_rank import LowRank
from cascade.nn.sharing.norms import ConditionalNorm
from cascade.nn.sharing.routing import SelectiveDropout

__all__ = [
    "Bottleneck",
    "ConditionalNorm",
    "Conditioner",
    "Conditioning",
    "HyperNetwork",
    "LowRank",
    "SelectiveDropout",
]
