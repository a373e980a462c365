"""Task graphs: a specification of tasks and of what flows between their decoders.

Nothing here computes; `cascade.model.CascadeModel` builds and runs a graph. Neither torch nor spaCy is imported.
"""

from cascade.graph.specs import (
    CONVERSIONS,
    PARENTS,
    POOLS,
    Candidates,
    Edge,
    Hidden,
    Labels,
    Layer,
    Mix,
    Recurrent,
    Scheduled,
    Segments,
    Source,
    Unit,
    View,
    out_of_range,
)
from cascade.graph.taskgraph import TaskGraph
from cascade.graph.units import Node, arrival_unit

__all__ = [
    "CONVERSIONS",
    "PARENTS",
    "POOLS",
    "Candidates",
    "Edge",
    "Hidden",
    "Labels",
    "Layer",
    "Mix",
    "Node",
    "Recurrent",
    "Scheduled",
    "Segments",
    "Source",
    "TaskGraph",
    "Unit",
    "View",
    "arrival_unit",
    "out_of_range",
]
