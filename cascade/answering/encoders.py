"""Encoders of passages by name, those of our own models among them."""

from __future__ import annotations

from cascade import storage
from cascade.config import find
from cascade.errors import ConfigError, ModelError
from cascade.retrieval.encoding import TextEncoder, text_encoder


def passage_encoder(name: str, layer: int | None = None) -> TextEncoder:
    """The text encoder that a name stands for.

    Args:
        name: A shipped pipeline or a model folder, of which the encoder is taken; else what
            [`text_encoder`][cascade.retrieval.encoding.text_encoder] knows.
        layer: The layer whose mean is the vector; the highest when None.

    Raises:
        ConfigError: The model's encoder has no such layer.
        ModelError: There is no such model, or it cannot be read.
    """
    try:
        folder = find(name)
    except ConfigError as unknown:
        try:
            return text_encoder(name, layer=layer)
        except ModelError as error:
            raise ModelError(f"no encoder {name!r}: {unknown}; as a transformer: {error}") from error
    return TextEncoder(storage.load(folder).encoder, layer=layer, name=name)
