"""What grids of trainings have in common: results that are kept, documents that are drawn, several processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import starmap
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from spacy.tokens import Doc

SEVERAL = "several times for several; all by default"
Given = TypeVar("Given")


def drawn(docs: Sequence[Doc], number: float, seed: int = 0) -> list[Doc]:
    """So many Docs, or a share of them if it is a fraction, drawn by chance and always the same, in their order."""
    wanted = number if isinstance(number, int) else round(number * len(docs))
    return [docs[i] for i in sorted(Random(seed).sample(range(len(docs)), min(wanted, len(docs))))]


def keep(file: Path, found: Any) -> None:
    """Write a file of JSON that appears whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}")
    fresh.write_text(json.dumps(found, indent=2) + "\n")
    fresh.replace(file)


def require_same(file: Path, plan: Mapping[str, Any]) -> None:
    """Keep a plan beside what is found by it, so that what another one found is not taken for it."""
    if not file.is_file():
        keep(file, plan)
    if (before := json.loads(file.read_text())) != plan:
        raise SystemExit(f"{file.parent} holds results of {before}, not of {plan}: name another folder")


def spread(function: Callable[..., Given], jobs: Iterable[tuple[Any, ...]], processes: int) -> list[Given]:
    """What a function gives for all jobs, in their order; several at a time where there are several processes."""
    if processes == 1:
        return list(starmap(function, jobs))
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return [each.result() for each in [pool.submit(function, *job) for job in jobs]]
