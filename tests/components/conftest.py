"""What the tests of the spaCy side share: a saved model, and pipelines with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from cascade import storage
from cascade.components.pipe import CascadePipe
from cascade.evaluation import bare_copy
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.registry import graph_to_config


@pytest.fixture
def folder(model: CascadeModel, tmp_path: Path) -> Path:
    """The model on disk."""
    storage.save(model, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def nlp(folder: Path, vocab: Vocab) -> Language:
    """A pipeline with the saved model."""
    nlp = spacy.blank("en", vocab=vocab)
    nlp.add_pipe("cascade", config={"model": str(folder)})
    return nlp


@pytest.fixture
def pipe(nlp: Language) -> CascadePipe:
    """Its pipe."""
    found = nlp.get_pipe("cascade")
    assert isinstance(found, CascadePipe)
    return found


@pytest.fixture
def examples(docs: list[Doc]) -> list[Example]:
    """Bare and annotated Docs."""
    return [Example(bare_copy(doc), doc) for doc in docs]


@pytest.fixture
def fresh(graph: TaskGraph, vocab: Vocab) -> Language:
    """A pipeline with a graph and no weights."""
    nlp = spacy.blank("en", vocab=vocab)
    nlp.add_pipe("cascade", config={"graph": graph_to_config(graph)})
    return nlp
