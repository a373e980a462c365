"""A program that changes an index without end, to be killed: `python -m tests.retrieval.changing FOLDER SEED [STEP]`.

Document `d3` in state 5 is the passages `state5 of d3, ...`. With STEP the program kills itself at that step of the
protocol between store and inverted index; without, it goes on until somebody does.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cascade.docs import Passage
from cascade.retrieval.index import Index
from cascade.retrieval.lexical import LexicalWriter
from cascade.retrieval.store import Store
from tests.retrieval.made import WordCounts, document

COUNT = 12
STEPS: list[tuple[type, str]] = [
    (Store, "reserve"),
    (Store, "write"),
    (Store, "remove"),
    (Store, "forget"),
    (Store, "compacted"),
    (Store, "shrink"),
    (LexicalWriter, "add"),
    (LexicalWriter, "delete"),
    (LexicalWriter, "clear"),
    (LexicalWriter, "commit"),
]


def state(number: int, version: int) -> tuple[str, str, list[Passage]]:
    """A document in one of its states: one to three passages."""
    texts = [f"state{version} of d{number}, part {part}" for part in range(1 + (number + version) % 3)]
    return document(f"d{number}", texts)


def kill_at(step: int) -> None:
    """Kills this process when it has taken so many steps, half of them before a call and half after."""
    taken = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            nonlocal taken
            for moment in ("before", "after"):
                taken += 1
                if taken == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                if moment == "before":
                    result = function(*arguments)
            return result

        return call

    for owner, name in STEPS:
        setattr(owner, name, counted(getattr(owner, name)))


def change(folder: Path, seed: int) -> None:
    """Adds, replaces, deletes and compacts, and says so line by line."""
    draw = random.Random(seed)
    index = Index.open(folder, encoder=WordCounts())
    print("open", flush=True)
    while True:
        kind = draw.choice(["add", "add", "add", "delete", "compact"])
        numbers = draw.sample(range(COUNT), 4)
        if kind == "add":
            index.add(state(number, draw.randrange(1_000)) for number in numbers)
        elif kind == "delete":
            index.delete(f"d{number}" for number in numbers[:2])
        else:
            index.compact()


if __name__ == "__main__":
    if len(sys.argv) > 3:
        kill_at(int(sys.argv[3]))
    change(Path(sys.argv[1]), int(sys.argv[2]))
