"""Layouts for tests that make the output of a decoder by hand."""

from __future__ import annotations

import torch

from cascade.graph import Unit
from cascade.nn.layout import Layout
from cascade.nn.rows import Rows

NONE = torch.zeros(0, 2, dtype=torch.long)
"""No pairs, no spans."""


def layout_of(rows: Rows, unit: Unit = "token") -> Layout:
    """Rows of one unit, and no other."""
    return Layout({unit: rows}, NONE, NONE)
