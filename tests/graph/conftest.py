"""What the tests of graphs share: nodes that are nothing but what a graph has to know of a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cascade.graph import Candidates, Edge, Hidden, Labels, Layer, Node, Segments, Unit

ALL = (Hidden, Labels, Segments, Candidates)


@dataclass
class Toy:
    name: str
    unit: Unit = "token"
    reads: Unit = "token"
    layer: Layer = 0
    proposes: bool = False
    carries: tuple[type[Edge], ...] = ALL
    takes: tuple[type[Edge], ...] = ALL


@pytest.fixture(scope="session")
def toy() -> Callable[..., Node]:
    """Makes a node."""
    return Toy


@dataclass(frozen=True)
class Stack:
    depth: int = 2


@pytest.fixture(scope="session")
def stack() -> Stack:
    """An encoder of the layers 0 to 2."""
    return Stack()
