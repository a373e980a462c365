"""What tests of encoders share: rows for texts, and a tiny pretrained transformer in a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer

from cascade.nn.encoders import Encoder, State
from cascade.nn.rows import Rows
from tests.nn.tiny import make_tokenizer, save_tiny

Texts = Sequence[Sequence[str]]


def _rows(texts: Texts) -> Rows:
    parent = torch.tensor([i for i, text in enumerate(texts) for _ in text], dtype=torch.long)
    return Rows(parent=parent, alive=torch.ones(len(parent), dtype=torch.bool), size=len(texts))


@pytest.fixture(scope="session")
def rows() -> Callable[[Texts], Rows]:
    """Token rows of texts."""
    return _rows


@pytest.fixture(scope="session")
def encode() -> Callable[..., State]:
    """Run an encoder over texts up to a layer."""

    def run(encoder: Encoder, texts: Texts, layer: int, pairs: Sequence[int] = ()) -> State:
        features = encoder.joined(texts, pairs) if pairs else encoder.features(texts)
        return encoder.advance(encoder.embed(features, _rows(texts)), layer)

    return run


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """That of the tiny transformers."""
    return make_tokenizer()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """A folder with a tiny transformer, by its architecture."""

    def make(model_type: str = "bert", **settings: Any) -> str:
        folder = tmp_path_factory.mktemp(model_type)
        save_tiny(folder, model_type, **settings)
        return str(folder)

    return make


@pytest.fixture(scope="session")
def tiny_bert(tiny: Callable[..., str]) -> str:
    """A folder with a random BERT of two blocks."""
    return tiny()


@pytest.fixture
def bert_folder(tiny_bert: str) -> Path:
    """The same as a path."""
    return Path(tiny_bert)
