"""Fixtures that the tests of regularizers share."""

from __future__ import annotations

import pytest

from cascade.model import CascadeModel
from tests.training.regularizers.diamonds import diamond_graph


@pytest.fixture
def diamond(docs) -> CascadeModel:
    """An initialized diamond; see `diamond_graph`."""
    return CascadeModel(diamond_graph()).initialize(docs(5))
