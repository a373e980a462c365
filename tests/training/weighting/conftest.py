"""Models that the tests of weightings share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from spacy.tokens import Doc

from cascade.graph import Hidden, Recurrent, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.tasks.tagging import Tagging


@pytest.fixture
def trio(docs: Callable[..., list[Doc]]) -> CascadeModel:
    """`low`, `top` above it, and `beside` them; all read the encoder."""
    graph = TaskGraph(encoder=Embedding(words=4, characters=4, vocabulary=8, buckets=8))
    for name, upstream in {"low": [], "top": ["low"], "beside": []}.items():
        graph.add(Tagging(name, layer=Recurrent(3), hidden=4), after={u: [Hidden()] for u in upstream})
    return CascadeModel(graph).initialize(docs(5))


@pytest.fixture
def single(docs: Callable[..., list[Doc]]) -> CascadeModel:
    """One task."""
    graph = TaskGraph(encoder=Embedding(words=4, characters=4, vocabulary=8, buckets=8))
    return CascadeModel(graph.add(Tagging("low"))).initialize(docs(5))
