"""Structured prediction: linear chains, chunk tags, dependency trees."""

from cascade.nn.structs.chain import LinearChain
from cascade.nn.structs.iobes import Allowed, Iobes

__all__ = ["Allowed", "Iobes", "LinearChain"]
