"""What the trainer costs beside a bare PyTorch loop over the same model and batches.

    CASCADE_DATA=data python -m tests.bench.overhead

Both train `ud` on the first sentences of EWT train for one epoch, from the same weights, in the same order, with the
same optimizer, in float32 and without a moving average; they take turns. The trainer's time has its two checkpoints and
its log in it.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import spacy
import torch
from rich.console import Console
from spacy.tokens import Doc

from cascade import config
from cascade.data import read_conllu
from cascade.model import CascadeModel
from cascade.training import Corpus, Trainer
from cascade.training.corpus import annotated
from cascade.training.history import History

EWT = "ud_english_ewt/en_ewt-ud-train.conllu.gz"


def measure(sentences: int, turns: int) -> dict[str, float]:
    """Median seconds of an epoch by either way, and what the trainer takes more, as a share.

    Args:
        sentences: Documents of EWT train.
        turns: How often either way is timed; one more, before, is not.
    """
    vocab = spacy.blank("en").vocab
    docs = list(itertools.islice(read_conllu(Path(os.environ["CASCADE_DATA"]) / EWT, vocab=vocab), sentences))
    taken: dict[str, list[float]] = {"trainer": [], "bare": []}
    for _ in range(turns + 1):
        taken["trainer"].append(trained(docs))
        taken["bare"].append(bare(docs))
    seconds = {way: median(times[1:]) for way, times in taken.items()}
    return {**seconds, "overhead": seconds["trainer"] / seconds["bare"] - 1}


def made(docs: Sequence[Doc]) -> Trainer:
    """The trainer of `ud` for one epoch, with its model initialized."""
    trainer = config.trainer_from_config(config.read_config("ud"), [Corpus(train=docs)])
    trainer.epochs, trainer.average, trainer.precision, trainer.console = 1, None, "no", Console(quiet=True)
    torch.manual_seed(0)
    trainer.model.initialize(docs)
    return trainer


def trained(docs: Sequence[Doc]) -> float:
    """Seconds of `Trainer.fit`."""
    trainer = made(docs)
    with tempfile.TemporaryDirectory() as folder:
        begin = perf_counter()
        trainer.fit(Path(folder) / "run")
        return perf_counter() - begin


def bare(docs: Sequence[Doc]) -> float:
    """Seconds of a loop with nothing but what has to be."""
    trainer = made(docs)
    begin = perf_counter()
    model: CascadeModel = trainer.model.train()
    optimizer: Any = trainer.optimizer.build(model)
    order, rng = model.graph.order(), np.random.default_rng([trainer.seed, 0])
    for step in trainer.schedule.steps(annotated(model, trainer.corpora), order, rng, History()):
        optimizer.zero_grad(set_to_none=True)
        batch = model.batch(step.docs, targets=step.tasks)
        torch.stack(list(model.losses(batch, step.tasks).values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), trainer.clip or float("inf"))
        optimizer.step()
    return perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    found = measure(given.sentences, given.turns)
    Console().print(
        f"trainer {found['trainer']:.1f} s, bare loop {found['bare']:.1f} s, overhead {100 * found['overhead']:+.1f} %"
    )


if __name__ == "__main__":
    main()
