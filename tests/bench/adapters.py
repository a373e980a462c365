"""Four text classifications over one encoder, side by side: all of it trained, adapters, LoRA, a hypernetwork.

    python -m tests.bench.adapters OUT --scheme full --scheme bottleneck --share 0.25 --seeds 1

TREC, SUBJ, SST-2 and GoEmotions: what a scheme scores on test, how many parameters it trains, what memory that takes,
and how large the saved model is. With `full` the tasks share an encoder and train it, with `single` each has a model of
its own, and with all others the encoder stays as it was pretrained and each task has something of its own in it.

Every training runs in a process of its own, with `CASCADE_THREADS` threads, and leaves its figures below OUT; it is not
repeated where these are there, and goes on where it was killed. Dev chooses the epoch; the scores are of test.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from time import process_time
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from spacy.lang.en import English
from spacy.tokens import Doc
from spacy.vocab import Vocab

from cascade.data import downloads
from cascade.data.files import read_lines
from cascade.errors import DataError
from cascade.evaluation import score_tasks
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Transformer
from cascade.nn.precision import Precision
from cascade.nn.sharing import Bottleneck, ConditionalNorm, Conditioning, HyperNetwork, LowRank
from cascade.tasks import TextClassification
from cascade.training import Batches, Corpus, Trainer, curves, optimizers, schedules
from cascade.training.folder import RunFolder
from cascade.training.weighting import Static
from tests.bench.fresh import in_fresh_process
from tests.bench.grids import SEVERAL, keep, require_same
from tests.bench.memory import peak, start_peak

FILES: Mapping[str, Mapping[str, str]] = {
    "trec": {
        "train": "sentence_classification/TREC.train.all",
        "test": "sentence_classification/TREC.test.all",
    },
    "subj": {"train": "sentence_classification/subj.all"},
    "sst2": {part: f"sentence_classification/stsa.binary.{part}" for part in ("train", "dev", "test")},
    "goemotions": {part: f"goemotions/{part}.tsv" for part in ("train", "dev", "test")},
}
"""Files by task and part; a part without one is the last tenth of train, which is shuffled before."""
LABELS: Mapping[str, int] = {"trec": 6, "subj": 2, "sst2": 2, "goemotions": 28}
MULTIPLE = "goemotions"
"""The task whose texts may have several labels."""
THRESHOLD = 0.3
"""Probability from which one of several labels counts as predicted: most are rare."""
WEIGHT = 10.0
"""What the loss of that task counts for; it is a mean over 28 questions, nearly all of which are easy."""

CONDITIONINGS: Mapping[str, Callable[..., Conditioning]] = {
    "bottleneck": Bottleneck,
    "lora": LowRank,
    "hypernetwork": partial(HyperNetwork, size=16),  # with 64 it would be larger than the adapters of four tasks
    "norm": ConditionalNorm,
}
SCHEMES = ("full", "single", *CONDITIONINGS)
ENCODER = "minilm"
PRECISION: Precision = "bf16"
RATE = 1e-3
"""Learning rate of all that is new; a pretrained encoder that is trained along has a twentieth of it."""
SLOWER = 0.05
BATCHES = Batches(words=1000, docs=32)
CAPTION = (
    "Accuracy, or F1 as it says; parameters; resident memory, MB, and what the training adds to it, the loading of the "
    "encoder among it; size of the saved model, MB, alone and with the pretrained weights that it reads; processor "
    "seconds of the training. `single` is four models, each with an epoch of its own that dev chose; the others choose "
    "one epoch by the mean of the tasks."
)

Line = tuple[str, frozenset[int]]
"""A text and its labels."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How large it all is.

    Args:
        share: Of train and dev.
        cap: Texts of a part, at most.
        test_share: Of test.
        words: Of a text that are read.
        epochs: Epochs.
    """

    share: float
    cap: int
    test_share: float
    words: int
    epochs: int

    def size(self, part: str, texts: int) -> int:
        """How many of the texts of a part are taken."""
        share = self.test_share if part == "test" else self.share
        return min(self.cap, max(8, round(share * texts)))


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a scheme came to.

    Args:
        scores: On test, 0 to 1.
        trained: Parameters that are trained.
        parameters: All of them.
        start: Resident memory before the training, MB, the data among it.
        peak: Its peak in the training.
        seconds: Of a processor, of the training; of its last part where it was interrupted.
        disk: Size of the saved model, MB.
        borrowed: Size of the weights that it leaves out, since they are those of the pretrained encoder, MB.
    """

    scores: Mapping[str, float]
    trained: int
    parameters: int
    start: float
    peak: float
    seconds: float
    disk: float
    borrowed: float

    @property
    def costs(self) -> dict[str, float]:
        """All but the scores, as the columns of the table are called."""
        return {
            "trained": self.trained,
            "of": self.parameters,
            "peak": self.peak,
            "above start": self.peak - self.start,
            "disk": self.disk,
            "with encoder": self.disk + self.borrowed,
            "seconds": self.seconds,
        }

    @classmethod
    def together(cls, parts: Sequence[Figures]) -> Figures:
        """Those of models that are trained one after another and kept side by side."""
        largest = max(parts, key=lambda part: part.peak)
        sums: dict[str, Any] = {
            name: sum(getattr(part, name) for part in parts)
            for name in ("trained", "parameters", "seconds", "disk", "borrowed")
        }
        scores = {key: value for part in parts for key, value in part.scores.items()}
        return cls(scores=scores, start=largest.start, peak=largest.peak, **sums)


def labels(name: str) -> tuple[str, ...]:
    """What stands in `doc.cats`; every task has categories of its own."""
    return tuple(f"{name}_{number}" for number in range(LABELS[name]))


def make_graph(scheme: str, names: Sequence[str]) -> TaskGraph:
    """The graph of a scheme; with `single` it is called with one task at a time."""
    conditioning = CONDITIONINGS[scheme](tasks=tuple(names)) if scheme in CONDITIONINGS else None
    fixed = conditioning is not None
    encoder = Transformer(ENCODER, conditioning=conditioning, fixed_body=fixed, window=128, stride=96)
    graph = TaskGraph(encoder=encoder)
    for name in names:
        exclusive = name != MULTIPLE
        own: dict[str, Any] = {"classes": labels(name), "exclusive": exclusive, "threshold": THRESHOLD}
        graph.add(TextClassification(name, layer=encoder.depth, pool="mean", dropout=0.1, **own))
    return graph


def read(name: str, settings: Settings) -> dict[str, list[Doc]]:
    """Train, dev and test of a task; the split does not depend on the shares."""
    parts = {part: _shuffled(_lines(name, downloads.resolve(file))) for part, file in FILES[name].items()}
    tenth = len(parts["train"]) // 10
    for part in ("test", "dev"):
        if part not in parts:
            parts[part], parts["train"] = parts["train"][-tenth:], parts["train"][:-tenth]
    nlp = English()
    split = nlp.tokenizer if name == MULTIPLE else partial(_at_spaces, nlp.vocab)
    return {
        part: [_doc(name, line, split, settings.words) for line in lines[: settings.size(part, len(lines))]]
        for part, lines in parts.items()
    }


def _lines(name: str, path: Path) -> Iterator[Line]:
    r"""`LABEL TEXT`, or `TEXT\tLABEL,LABEL\tID` where a text may have several labels."""
    for number, line in read_lines(path, fallback="cp1252"):
        if name == MULTIPLE:
            text, _, rest = line.partition("\t")
            given = rest.partition("\t")[0].split(",")
        else:
            label, _, text = line.partition(" ")
            given = [label]
        if not all(label.isdecimal() and int(label) < LABELS[name] for label in given):
            expected = f"labels from 0 to {LABELS[name] - 1}"
            raise DataError(f"expected {expected}, got {','.join(given)!r}; mend the line", path=path, line=number)
        yield text, frozenset(map(int, given))


def _shuffled(lines: Iterable[Line]) -> list[Line]:
    known = list(lines)
    return [known[i] for i in np.random.default_rng(0).permutation(len(known))]


def _at_spaces(vocab: Vocab, text: str) -> Doc:
    return Doc(vocab, words=text.split())


def _doc(name: str, line: Line, split: Callable[[str], Doc], words: int) -> Doc:
    """A text up to a number of words, with its labels."""
    text, given = line
    doc = split(text)
    doc = doc[:words].as_doc() if len(doc) > words else doc
    doc.cats = {label: float(number in given) for number, label in enumerate(labels(name))}
    return doc


def trained(scheme: str, names: list[str], seed: int, folder: str, given: dict[str, Any]) -> dict[str, Any]:
    """Train a model and measure it, in a process that has done nothing before.

    Args:
        scheme: The scheme.
        names: The tasks.
        seed: The seed.
        folder: Of the run.
        given: The settings.

    Returns:
        The figures.
    """
    settings = Settings(**given)
    data = {name: read(name, settings) for name in names}
    model = CascadeModel(make_graph(scheme, names))
    start_peak()
    start, begin = peak(), process_time()
    corpora = [Corpus(name=name, train=parts["train"], dev=parts["dev"]) for name, parts in data.items()]
    fit(model, corpora, Path(folder), body=scheme not in CONDITIONINGS, epochs=settings.epochs, seed=seed)
    seconds, highest = process_time() - begin, peak()
    scores = {key: value for name, parts in data.items() for key, value in scored(model, name, parts["test"]).items()}
    tensors, saved = [*model.parameters(), *model.buffers()], model.state_dict().values()
    figures = Figures(
        scores=scores,
        trained=sum(tensor.numel() for tensor in model.parameters() if tensor.requires_grad),
        parameters=sum(tensor.numel() for tensor in tensors if tensor.is_floating_point()),
        start=start,
        peak=highest,
        seconds=seconds,
        disk=sum(path.stat().st_size for path in RunFolder(folder).best.rglob("*") if path.is_file()) / 1e6,
        borrowed=(sum(tensor.nbytes for tensor in tensors) - sum(tensor.nbytes for tensor in saved)) / 1e6,
    )
    return asdict(figures)


def fit(model: CascadeModel, corpora: Sequence[Corpus], folder: Path, *, body: bool, epochs: int, seed: int) -> None:
    """Train a model.

    Args:
        model: The model.
        corpora: The corpora.
        folder: Of the run.
        body: Whether the pretrained encoder is trained along.
        epochs: Epochs.
        seed: The seed.
    """
    Trainer(
        model,
        corpora=corpora,
        schedule=schedules.Joint(batches=BATCHES),
        optimizer=optimizers.Adam(rate=RATE, curve=curves.WarmupLinear(), weight_decay=0.01),
        weighting=Static(weights={name: WEIGHT for name in model.graph.names() if name == MULTIPLE}),
        rates={"encoder": SLOWER} if body else {},
        average=None,  # it would be a second copy of all weights, fixed ones among them
        precision=PRECISION,
        epochs=epochs,
        seed=seed,
        cpu=True,
        console=Console(quiet=True),
    ).fit(folder, resume=True)
    model.eval()


def scored(model: CascadeModel, name: str, docs: Sequence[Doc]) -> dict[str, float]:
    """Accuracy; macro and micro F1 where a text may have several labels."""
    found = score_tasks(model, docs, [name])[name]
    if name == MULTIPLE:
        return {f"{name} macro F1": found["cats_macro_f"], f"{name} micro F1": found["cats_micro_f"]}
    return {name: found["cats_micro_f"]}  # with one label a text, that is accuracy


def run(scheme: str, seed: int, out: Path, settings: Settings) -> Figures:
    """Train a scheme and measure it, as far as that has not been done."""
    groups = {name: [name] for name in FILES} if scheme == "single" else {"all": list(FILES)}
    parts = []
    for group, names in groups.items():
        folder = out / f"{scheme}-{seed}" / group
        file = folder / "figures.json"
        if not file.is_file():
            keep(file, in_fresh_process(trained, scheme, names, seed, str(folder.resolve()), asdict(settings)))
        shutil.rmtree(RunFolder(folder).checkpoints.folder, ignore_errors=True)
        parts.append(Figures(**json.loads(file.read_text())))
    return Figures.together(parts)


def table(found: Mapping[str, Sequence[Figures]], title: str) -> Table:
    """A line for every scheme: means over seeds, scores in per cent, memory and disk in MB."""
    first = next(iter(found.values()))[0]
    made = Table("scheme", title=title, caption=CAPTION, header_style="bold")
    for column in (*first.scores, *first.costs):
        made.add_column(column, justify="right")
    for scheme, runs in found.items():
        scores = [f"{100 * mean(each.scores[key] for each in runs):.1f}" for key in first.scores]
        costs = [mean(each.costs[key] for each in runs) for key in first.costs]
        made.add_row(scheme, *scores, *(f"{cost:,.0f}" if cost >= 100 else f"{cost:.1f}" for cost in costs))
    return made


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What is to be run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--scheme", choices=SCHEMES, action="append", help=SEVERAL)
    parser.add_argument("--share", type=float, default=0.25, help="of train and dev of each task")
    parser.add_argument("--cap", type=int, default=6000, help="texts of a part, at most")
    parser.add_argument("--test-share", type=float, default=1.0, help="of test")
    parser.add_argument("--words", type=int, default=64, help="of a text that are read")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=1)
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> None:
    """Run what the command line says, print the table, and write it to `report.json`."""
    options = arguments(given)
    settings = Settings(**{name: getattr(options, name) for name in Settings.__dataclass_fields__})
    require_same(options.out / "settings.json", asdict(settings))
    found: dict[str, list[Figures]] = {}
    for seed in range(options.seeds):
        for scheme in options.scheme or SCHEMES:
            found.setdefault(scheme, []).append(run(scheme, seed, options.out, settings))
            Console(stderr=True).print(f"{scheme}, seed {seed}: done")
    figures = {scheme: [asdict(each) for each in runs] for scheme, runs in found.items()}
    keep(options.out / "report.json", {"settings": asdict(settings), "figures": figures})
    size = f"{settings.share:.0%} of train, at most {settings.cap:,} texts, {settings.test_share:.0%} of test"
    Console(width=None if sys.stdout.isatty() else 160).print(
        table(found, f"{ENCODER}, {size}, {settings.epochs} epochs, seeds: {options.seeds}")
    )


if __name__ == "__main__":
    from tests.bench import adapters  # a fresh process finds no function of `__main__`

    adapters.main()
