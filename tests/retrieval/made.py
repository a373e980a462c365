"""Passages, documents and an encoder of our own making, for the tests of retrieval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from zlib import crc32

import numpy as np

from cascade.docs import Offsets, Passage, Value

ANIMALS = {
    "cats": ["The cat sleeps on the warm wall.", "A cat and a dog share the garden."],
    "dogs": ["The dog barks at every cart.", "No dog likes the bath."],
    "birds": ["Swallows return to the barn in spring.", "A heron waits in the shallow water."],
    "empty": [],
}


def passage(id: str, text: str, *, page: int | None = None, **metadata: Value) -> Passage:
    """A passage whose id is its document's, `#` and a number."""
    document = id.partition("#")[0]
    offsets = Offsets.identity(len(text), shift=7)
    return Passage(
        id=id, document=document, text=text, source=f"{document}.txt", offsets=offsets, page=page, metadata=metadata
    )


def document(id: str, texts: Iterable[str], **metadata: Value) -> tuple[str, str, list[Passage]]:
    """What `Index.add` takes; the fingerprint is that of the content."""
    passages = [passage(f"{id}#{number}", text, **metadata) for number, text in enumerate(texts)]
    return id, str(crc32(repr((passages, metadata)).encode())), passages


def documents(texts: dict[str, list[str]] = ANIMALS) -> list[tuple[str, str, list[Passage]]]:
    return [document(id, some) for id, some in texts.items()]


class WordCounts:
    """An encoder: how often words occur, each in a place that its letters choose."""

    def __init__(self, width: int = 32, fingerprint: str = "word-counts") -> None:
        self.width, self.fingerprint = width, fingerprint
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.encoded += texts
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                vector[crc32(word.strip(".").encode()) % self.width] += 1
        return vectors
