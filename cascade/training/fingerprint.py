"""What a run is: graph, settings and texts, written down so that a resumed run can tell whether it is the same."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spacy.tokens import Doc

from cascade import docs as documents
from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.registry import graph_to_config
from cascade.training.corpus import Corpus


def fingerprint(model: CascadeModel, corpora: Sequence[Corpus], settings: Mapping[str, Any]) -> dict[str, str]:
    """Describe a run, one line a part.

    Args:
        model: The initialized model.
        corpora: What it is trained on.
        settings: The trainer's settings.

    Raises:
        ConfigError: The graph has a part whose class is not registered, so that no model could be saved either.
    """
    config = graph_to_config(model.graph)
    parts: dict[str, Any] = {"encoder": config["encoder"]}
    for name, task in config["tasks"].items():
        parts |= {f"task {name}": task, f"labels of {name}": model.labels[name]}
        parts |= {f"edges {upstream} -> {name}": edges for upstream, edges in config["edges"].get(name, {}).items()}
    for i, corpus in enumerate(corpora):
        parts[f"corpus {i}"] = (corpus.name, digest(corpus.train), digest(corpus.dev))
    return {key: _described(value) for key, value in {**parts, **settings}.items()}


def digest(docs: Iterable[Doc]) -> str:
    """Number and checksum of texts, of a question's passages too; their annotation does not count."""
    number, checksum = 0, 0
    for doc in docs:
        number += 1
        for text in (doc.text, *documents.passage_texts(doc)):
            checksum = zlib.crc32(text.encode("utf8", "surrogatepass"), checksum)
    return f"{number} docs, crc32 {checksum:08x}"


def require_same(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Compare the run of a checkpoint with the one that is to go on.

    Raises:
        TrainingError: They differ; it lists in what.
    """
    differences = [
        f"  {key}: was {_cut(before.get(key, 'absent'))}, is {_cut(now.get(key, 'absent'))}"
        for key in dict.fromkeys([*before, *now])
        if before.get(key) != now.get(key)
    ]
    if differences:
        raise TrainingError(
            "the run that this folder holds is another one; train into a new folder, or undo these changes:\n"
            + "\n".join(differences)
        )


def _described(value: Any) -> str:
    """Its `repr` without memory addresses, which differ from process to process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def _cut(text: str, length: int = 200) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
