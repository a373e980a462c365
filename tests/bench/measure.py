"""Speed and memory of pipelines, to be measured in fresh processes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain, cycle, islice
from time import perf_counter
from typing import Any

from spacy.tokens import Doc

from cascade.components.loading import load
from cascade.evaluation import bare_copy, timed_pipe
from tests.bench.memory import peak, start_peak
from tests.bench.settings import PREDICTED, SETTINGS
from tests.bench.text import texts

ATTRIBUTES: list[int | str] = ["TAG", "POS", "MORPH", "LEMMA", "HEAD", "DEP", "SENT_START", "ENT_IOB", "ENT_TYPE"]
KNOWN = "The old ferry crosses the harbour twice a day. Most visitors take the first boat home."


def speed(pipelines: dict[str, str], passes: int = 3) -> dict[str, float]:
    """Words a second of `nlp.pipe` on EWT test with gold tokens: passes in turn, best of some after a warm-up.

    Args:
        pipelines: Pipelines by the name under which they are compared.
        passes: Passes that count.
    """
    loaded = {name: load(pipeline) for name, pipeline in pipelines.items()}
    docs = {name: list(SETTINGS[PREDICTED].docs(nlp)) for name, nlp in loaded.items()}
    seconds: dict[str, list[float]] = {name: [] for name in loaded}
    for _ in range(1 + passes):
        for name, nlp in loaded.items():
            seconds[name].append(timed_pipe(nlp, [bare_copy(doc) for doc in docs[name]])[1])
    return {name: sum(map(len, docs[name])) / min(taken[1:]) for name, taken in seconds.items()}


def peaks(pipeline: str, words: list[int], zone: int = 10_000) -> dict[str, Any]:
    """Peaks of the resident memory over a stream of made-up text, in a memory zone for every few texts of it.

    What is made inside a zone is freed at its end, so the Docs are read and let go there, as a service does that runs
    for days.

    Args:
        pipeline: The pipeline.
        words: After how many words the peak so far is read, in ascending order; multiples of 200, the words of a text.
        zone: Words a zone.

    Returns:
        MB by number of words, as text, those before the first word under `0`; `same`, whether a text is annotated
        after all this as it was before; and `words_per_second`.
    """
    nlp = load(pipeline)
    before = _annotation(nlp(KNOWN))
    start_peak()
    found: dict[str, Any] = {"0": peak()}
    stream, done, begin = texts(words[-1], size=200), 0, perf_counter()
    for limit in words:
        while done < limit:
            batch = list(islice(stream, min(zone, limit - done) // 200))
            with nlp.memory_zone():
                done += 200 * sum(1 for _ in nlp.pipe(batch))
        found[str(limit)] = peak()
    seconds = perf_counter() - begin
    return {**found, "same": _annotation(nlp(KNOWN)) == before, "words_per_second": done / seconds}


def processes(pipeline: str, words: int, batch: int = 64) -> dict[str, Any]:
    """Seconds of `nlp.pipe` over the texts of EWT test, again and again: in one process with all threads, and in two.

    Args:
        pipeline: The pipeline.
        words: Words of the texts.
        batch: Texts a batch, so few that both processes get an equal share.

    Returns:
        `one` and `two`, after a warm-up; `words`; and `different`, on how many of the tokens the annotation differs.
    """
    nlp = load(pipeline)
    chosen = list(_until(words, cycle(list(SETTINGS[PREDICTED].docs(nlp)))))
    given = [doc.text for doc in chosen]
    list(nlp.pipe(given[:20]))
    found, seconds = [], []
    for number in (1, 2):
        begin = perf_counter()
        found.append(list(nlp.pipe(given, n_process=number, batch_size=batch)))
        seconds.append(perf_counter() - begin)
    pairs = [(_annotation(a), _annotation(b)) for a, b in zip(*found, strict=True)]
    different = sum(x != y for one, two in pairs for x, y in zip(one, two, strict=True))
    return {"one": seconds[0], "two": seconds[1], "words": sum(map(len, found[0])), "different": different}


def machine() -> dict[str, Any]:
    """What the figures were measured with."""
    import platform
    from importlib.metadata import version

    import torch

    return {
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "platform": platform.platform(),
        **{name: version(name) for name in ("torch", "spacy", "transformers")},
    }


def _until(words: int, docs: Iterator[Doc]) -> Iterator[Doc]:
    done = 0
    while done < words:
        doc = next(docs)
        done += len(doc)
        yield doc


def _annotation(doc: Doc) -> Sequence[Any]:
    """What can be compared: the attributes of every token, and at the end the chunks and the classes."""
    spans = [(span.start, span.end, span.label_) for span in chain.from_iterable(doc.spans.values())]
    return [*doc.to_array(ATTRIBUTES).tolist(), spans, dict(doc.cats)]
