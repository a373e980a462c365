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
    Tower,
    Unit,
    View,
    layers_read,
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
    "Tower",
    "Unit",
    "View",
    "arrival_unit",
    "layers_read",
    "out_of_range",
]
