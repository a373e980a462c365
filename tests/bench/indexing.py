"""What an index of generated passages takes, to be measured in a fresh process."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from time import perf_counter, process_time
from zlib import crc32

import numpy as np

from cascade.docs import Passage
from cascade.retrieval.index import Index
from tests.bench.memory import peak
from tests.bench.text import texts
from tests.retrieval.made import document

WORDS, PER_DOCUMENT, QUESTIONS, CHANGED = 80, 5, 1_000, 1_000
Added = tuple[str, str, list[Passage]]


class Scattered:
    """An encoder as wide as MiniLM that takes no time: a random vector for each text."""

    fingerprint = "scattered"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([np.random.default_rng(crc32(t.encode())).normal(size=384).astype(np.float32) for t in texts])


def indexing(passages: int, vectors: bool) -> dict[str, float]:
    """Seconds of wall time and of processor time, megabytes, searches a second.

    Args:
        passages: How many passages the index has.
        vectors: Whether it has vectors too.

    Returns:
        Figures by name; `different` counts questions whose hits are other than a rebuilt index's.
    """
    figures: dict[str, float] = {}
    encoder = Scattered() if vectors else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "i"
        with timed(figures, "build"):
            index = Index.build(path, documents(passages), encoder=encoder)
        questions = list(asked(passages))
        index.search(questions[0])
        for mode in ("lexical", "dense", "hybrid") if vectors else ("lexical",):
            with timed(figures, mode):
                for question in questions:
                    index.search(question, 10, mode=mode)  # type: ignore[arg-type]
            figures[f"{mode} searches a second"] = QUESTIONS / figures.pop(f"{mode} s")
            figures[f"{mode} searches a second of processor"] = QUESTIONS / figures.pop(f"{mode} cpu s")
        more = list(documents(CHANGED, seed=1))
        with timed(figures, f"add {CHANGED}"):
            index.add(more)
        with timed(figures, f"delete {CHANGED}"):
            index.delete(id for id, _, _ in islice(documents(CHANGED), CHANGED // PER_DOCUMENT))
        with timed(figures, "compact"):
            index.compact()
        figures["MB on the disk"] = index.info()["bytes"] / 1e6
        index.close()
        with timed(figures, "reopen"):
            index = Index.open(path, encoder=encoder)
            index.search(questions[0])
        figures["peak MB"] = peak()
        figures["problems"] = len(index.verify())
        kept = (d for d in documents(passages) if int(d[0].partition("d")[2]) >= CHANGED // PER_DOCUMENT)
        rebuilt = Index.build(Path(folder) / "new", chain(more, kept), encoder=encoder)
        pairs = zip(index.search_batch(questions[:200]), rebuilt.search_batch(questions[:200]), strict=True)
        figures["different"] = sum([(h.id, h.score) for h in a] != [(h.id, h.score) for h in b] for a, b in pairs)
    return figures


def documents(passages: int, *, seed: int = 0) -> Iterator[Added]:
    """Documents of a few passages each."""
    generated = texts(passages * WORDS, size=WORDS, seed=seed)
    for number in range(passages // PER_DOCUMENT):
        some = list(islice(generated, PER_DOCUMENT))
        yield document(f"{seed}-d{number}", some, shelf=number % 7)


def asked(passages: int) -> Iterator[str]:
    """Some words of some passages."""
    draw = random.Random(0)
    for text in islice(texts(passages * WORDS, size=WORDS), 0, None, passages // QUESTIONS):
        yield " ".join(draw.sample(text.split(), 8))


@contextmanager
def timed(figures: dict[str, float], name: str) -> Iterator[None]:
    """Notes seconds of wall time and of processor time."""
    wall, cpu = perf_counter(), process_time()
    yield
    figures[f"{name} s"], figures[f"{name} cpu s"] = perf_counter() - wall, process_time() - cpu
