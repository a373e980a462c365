"""Texts as vectors, for the dense part of an index: the mean over what one layer of an encoder says of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cascade.data.batches import by_length
from cascade.docs import words_of
from cascade.errors import ConfigError
from cascade.nn.encoders import Encoder, Transformer
from cascade.nn.encoders.transformer import Carry, TransformerEncoder
from cascade.nn.rows import Rows

# What the layers of our encoders are called, and that of other encoders may be.
_NUMBERED = re.compile(r"(?:blocks|layers)\.(\d+)\.")


class TextEncoder:
    """Makes vectors of texts with an encoder: its own, or that of a cascade.

    Args:
        encoder: The encoder, which stays the caller's: trained further, it gives other vectors under the same
            fingerprint, so make a new `TextEncoder` of it then.
        layer: The layer whose states are averaged; the highest when None. Layers above it are not computed.
        name: A name or a folder by which it can be made again; None if there is none.

    Attributes:
        fingerprint: The last part of the name, the layer, and a checksum over the weights that are used and how.

    Raises:
        ConfigError: The encoder has no such layer.
    """

    def __init__(self, encoder: Encoder, *, layer: int | None = None, name: str | None = None) -> None:
        depth = len(encoder.widths) - 1
        self.encoder, self.name, self.layer = encoder, name, depth if layer is None else layer
        label = Path(name).name if name else "encoder"
        if not 0 <= self.layer <= depth:
            raise ConfigError(f"{label}: expected a layer from 0 to {depth}, got layer={layer}")
        self.fingerprint = f"{label}/{self.layer}-{_checksum(encoder, self.layer)[:12]}"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """One vector of unit length for each text; zero for a text without words.

        Where the encoder computes in bfloat16, cosines differ by some 0.0004 with the texts that are encoded together.

        Args:
            texts: Texts of any length: long ones are read in windows.

        Returns:
            Shape: [texts, width], float32.
        """
        words = [words_of(text) for text in texts]
        vectors = np.zeros((len(texts), self.encoder.widths[self.layer]), dtype=np.float32)
        with _predicting(self.encoder):
            for places in by_length([len(text) for text in words], self.encoder.batch):
                some = mean_states(self.encoder, [words[place] for place in places], self.layer)
                vectors[places] = some.cpu().numpy()
        return vectors


def text_encoder(name: str, *, layer: int | None = None) -> TextEncoder:
    """The text encoder that a name stands for.

    Args:
        name: `minilm`, a folder of transformers, such as `save_transformer` writes, or a name on the Hugging Face hub.
        layer: See `TextEncoder`.

    Raises:
        ConfigError: The model has no such layer.
        ModelError: There is no such model.
    """
    spec = Transformer(name)
    if layer is not None and 0 <= layer < spec.depth:
        spec = replace(spec, layers=layer)
    return TextEncoder(spec.build().eval(), layer=layer, name=name)


def mean_states(encoder: Encoder, texts: Sequence[Sequence[str]], layer: int) -> Tensor:
    """The mean of a layer's states of each text, brought to unit length; with gradient where that is enabled.

    The states of a transformer are averaged over word pieces, special ones too, as sentence-transformers (Reimers and
    Gurevych 2019, section 3) does and MiniLM was trained; where windows overlap, pieces count in each. Those of other
    encoders are averaged over words.

    Args:
        encoder: The encoder.
        texts: Words of texts.
        layer: The layer.

    Returns:
        Shape: [texts, width], float32; zero for a text without words.
    """
    device = next(chain(encoder.parameters(), encoder.buffers())).device
    parent = torch.repeat_interleave(torch.arange(len(texts)), torch.tensor([len(text) for text in texts]))
    rows = Rows(parent=parent.to(device), alive=torch.ones_like(parent, dtype=torch.bool).to(device), size=len(texts))
    features = {name: part.to(device) for name, part in encoder.features(texts).items()}
    state = encoder.advance(encoder.embed(features, rows), layer)
    if isinstance(encoder, TransformerEncoder):
        sums, owners = _windows(state.carry, rows)
    else:
        sums, owners = state.read(layer), rows.parent
    total = sums.new_zeros(len(texts), encoder.widths[layer]).index_add(0, owners, sums)
    return functional.normalize(total, dim=1)


def _windows(carry: Carry, rows: Rows) -> tuple[Tensor, Tensor]:
    """Sums over the pieces of each window, and the text that it shows. Shapes: [windows, width], [windows]."""
    sums = (carry.states.float() * carry.mask.unsqueeze(2)).sum(1)
    owners = carry.mask.new_zeros(len(carry.mask))
    owners[carry.alignment.window] = rows.parent[carry.alignment.token]
    return sums, owners


@contextmanager
def _predicting(encoder: Encoder) -> Iterator[None]:
    """Without dropout and gradient; the encoder is as it was afterwards."""
    training = encoder.training
    if training:
        encoder.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        if training:
            encoder.train()


def _checksum(encoder: Encoder, layer: int) -> str:
    pooling = "pieces" if isinstance(encoder, TransformerEncoder) else "words"
    digest = sha256(f"mean over {pooling} of layer {layer}".encode())
    for name, tensor in sorted({**dict(encoder.named_parameters()), **dict(encoder.named_buffers())}.items()):
        numbered = _NUMBERED.match(name)
        if numbered is None or int(numbered[1]) < layer:
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
