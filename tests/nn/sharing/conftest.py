"""What the tests of sharing schemes share: a tiny transformer, conditioned, and its states for a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from cascade.nn.encoders import Transformer
from cascade.nn.encoders.transformer import TransformerEncoder

TEXTS = [["The", "cat", "catting"], [], ["on", " "], ["the", "mat", "of", "the", "cats"]]


@pytest.fixture
def build(tiny_bert: str) -> Callable[..., TransformerEncoder]:
    """Make an encoder without dropout."""

    def make(name: str = tiny_bert, **settings: Any) -> TransformerEncoder:
        return Transformer(name, **{"bf16": False, **settings}).build().eval()

    return make


@pytest.fixture
def read(rows: Callable[..., Any]) -> Callable[..., Tensor]:
    """States of all tokens for a task; for none that is conditioned, by default."""

    def run(encoder: TransformerEncoder, condition: str | None = None, layer: int = 2) -> Tensor:
        state = encoder.embed(encoder.features(TEXTS), rows(TEXTS))
        return encoder.advance(replace(state, condition=condition), layer).read(layer)

    return run


@pytest.fixture
def stir() -> Callable[[TransformerEncoder], TransformerEncoder]:
    """Make all parameters random that tasks have of their own."""

    def run(encoder: TransformerEncoder) -> TransformerEncoder:
        assert encoder.conditioner is not None
        for parameter in encoder.conditioner.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        return encoder

    return run
