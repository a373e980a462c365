"""What old tasks lose when a trained model is taught something new: a task that it lacks, or data of another kind.

    python -m tests.bench.continual OUT --seeds 3 --processes 2
    python -m tests.bench.continual OUT --seeds 1 --method ewc=100 --method ewc=1000 --on dev

POS -> chunk -> parse on MiniLM is trained on EWT and CoNLL-2000, once for every seed. Then it is extended, with every
method, in two settings: `entities` adds a task, with texts of WNUT-17; `gum` goes on with tags and trees of GUM. What
is lost is the difference of the old tasks' scores on EWT and CoNLL-2000.

Dev of what is new chooses the epoch, whatever the method; strengths are to be chosen by the old tasks' dev, and figures
are of test. A training that is done is not repeated, and one that was killed goes on: the same command again prints the
tables.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any

import spacy
from accelerate.utils import set_seed
from rich.console import Console
from rich.table import Table
from spacy.tokens import Doc

from cascade import storage
from cascade.data import downloads, read_columns, read_conllu
from cascade.diagnostics.comparing import student
from cascade.evaluation import score_tasks
from cascade.graph import Hidden, Labels, Mix, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Transformer
from cascade.nn.encoders.base import EncoderSpec
from cascade.nn.precision import Precision
from cascade.nn.sharing import Bottleneck
from cascade.tasks import Chunking, Entities, Parsing, Tagging
from cascade.training import Batches, Corpus, Trainer, curves, extend, optimizers, schedules
from cascade.training.regularizers import Elastic, Regularizer, Successive, measure_fisher, save_fisher
from cascade.training.scoring import main_score
from tests.bench.grids import SEVERAL, drawn, keep, require_same, spread

POS, CHUNK, PARSE, ENTITIES = "pos", "chunk", "parse", "entities"
EWT, CONLL, WNUT, GUM = "EWT", "CoNLL-2000", "WNUT-17", "GUM"
OLD = (f"{EWT} {POS}", f"{CONLL} {CHUNK}", f"{EWT} {PARSE}")
TAUGHT = {"entities": WNUT, "gum": GUM}
NEW = {"entities": (f"{WNUT} {ENTITIES}",), "gum": (f"{GUM} {POS}", f"{GUM} {PARSE}")}
METHODS = {
    "entities": ("plain", "successive=0.1", "ewc=1000", "replay=0.1", "adapters", "frozen"),
    "gum": ("plain", "successive=0.1", "ewc=1000", "ewc=10000", "replay=0.1", "replay=0.3"),
}
"""By setting, with the strength of a penalty or the share of the old data that is gone over again. Where only the data
are new, no task is that could have an adapter of its own, and nothing is left to train of a frozen model."""
PRECISION: Precision = "bf16"
BEST, SCORES, FISHER = "best", "scores.json", "fisher.safetensors"

Scores = dict[str, float]
"""By corpus and task."""
Measured = dict[str, Scores]
"""On dev and test."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How large it all is.

    Args:
        share: Of train of EWT and CoNLL-2000 that is learned first.
        epochs: Of that.
        entities: Share of train of WNUT-17 that is learned then in the setting of this name.
        gum: Share of train of GUM, likewise.
        more: Epochs of that.
        dev: Sentences of every dev set.
        test: Sentences of every test set.
        probed: Sentences of each old corpus that the Fisher information is measured on.
    """

    share: float = 0.3
    epochs: int = 3
    entities: float = 0.4
    gum: float = 0.15
    more: int = 2
    dev: int = 200
    test: int = 1000
    probed: int = 100


def make_graph(encoder: EncoderSpec, *, entities: bool = False) -> TaskGraph:
    """POS -> chunk -> parse; with entities that read what the tags have found."""
    graph = TaskGraph(encoder=encoder)
    graph.add(Tagging(POS, attribute="TAG", layer=Mix(), hidden=256, dropout=0.2))
    graph.add(Chunking(CHUNK, layer=Mix(), hidden=256, dropout=0.2), after={POS: [Hidden(), Labels(width=64)]})
    graph.add(
        Parsing(PARSE, layer=Mix(), hidden=384, relations=128),
        after={
            CHUNK: [Hidden(), Labels(width=64, group="labels")],
            POS: [Labels(width=64, group="labels")],
        },
    )
    if entities:
        task = Entities(ENTITIES, layer=Mix(), hidden=256, dropout=0.2)
        graph.add(task, after={POS: [Hidden(), Labels(width=64)]})
    return graph


def make_encoder(*, adapters: bool = False) -> EncoderSpec:
    """MiniLM; with adapters, the entities have a pass of their own through blocks that stay as they are."""
    conditioning = Bottleneck(tasks=(ENTITIES,)) if adapters else None
    return Transformer(
        "minilm", layers=6, case=True, fixed_embeddings=True, attention_dropout=0.0, conditioning=conditioning
    )


@dataclass(frozen=True, kw_only=True)
class Data:
    """All corpora and test sets, by name."""

    corpora: Mapping[str, Corpus]
    test: Mapping[str, Sequence[Doc]]


@cache
def read(plan: Plan) -> Data:
    """Read everything, once in a process."""
    vocab = spacy.blank("en").vocab

    def trees(name: str) -> list[Doc]:
        return list(read_conllu(downloads.resolve(name), vocab=vocab, sentences=1))

    def gum(part: str) -> list[Doc]:
        return trees(f"ud_english_gum/en_gum-ud-{part}")

    def entities(part: str) -> list[Doc]:
        path = downloads.find(f"wnut17/{part}")
        return list(read_columns(path, vocab=vocab, into="ents", separator="\t", boundaries=False))

    chunks, tested = (
        list(read_columns(downloads.find(f"conll2000/{part}"), vocab=vocab)) for part in ("train", "test")
    )
    cut = int(0.9 * len(chunks))
    sets = {
        EWT: (plan.share, trees("ewt/train"), trees("ewt/dev"), trees("ewt/test")),
        CONLL: (plan.share, chunks[:cut], chunks[cut:], tested),
        WNUT: (plan.entities, entities("train"), entities("dev"), entities("test")),
        GUM: (plan.gum, gum("train.sources.conllu.gz"), gum("dev.conllu"), gum("test.conllu")),
    }
    corpora = {
        name: Corpus(name=name, train=drawn(train, share), dev=drawn(dev, plan.dev))
        for name, (share, train, dev, _) in sets.items()
    }
    return Data(corpora=corpora, test={name: drawn(test, plan.test) for name, (*_, test) in sets.items()})


def train(
    model: CascadeModel, corpora: Sequence[Corpus], folder: Path, *, epochs: int, seed: int, encoder: float = 0.2,
    regularizers: Sequence[Regularizer] = (), frozen: Sequence[str] = (),
) -> CascadeModel:  # fmt: skip
    """Train a model, or train it further.

    Args:
        model: The model.
        corpora: What it is trained on.
        folder: Of the run.
        epochs: Epochs.
        seed: Of all that is random.
        encoder: Factor of the encoder's learning rate.
        regularizers: What is added to the loss.
        frozen: Tasks that stay as they are, with all that they need.
    """
    Trainer(
        model,
        corpora=corpora,
        schedule=schedules.Joint(batches=Batches(words=500)),
        optimizer=optimizers.Adam(rate=1e-3, betas=(0.9, 0.98), weight_decay=0.01, curve=curves.WarmupCosine()),
        rates={"encoder": encoder},
        regularizers=regularizers,
        frozen=frozen,
        epochs=epochs,
        clip=2.0,
        average=0.998,
        precision=PRECISION,
        seed=seed,
        cpu=True,
        console=Console(quiet=True),
    ).fit(folder, resume=True)
    return model.eval()


def base(seed: int, out: Path, plan: Plan) -> Measured:
    """The model that all else begins with, left in its folder; trained and measured unless that is done."""
    folder = out / f"base-{seed}"
    if not (folder / SCORES).is_file():
        data = read(plan)
        old = [data.corpora[EWT], data.corpora[CONLL]]
        model = train(CascadeModel(make_graph(make_encoder())), old, folder, epochs=plan.epochs, seed=seed)
        save_fisher(
            measure_fisher(model, [doc for corpus in old for doc in drawn(corpus.train, plan.probed)]), folder / FISHER
        )
        keep(folder / SCORES, measured(model, data))
        shutil.rmtree(folder / "last")
    found: Measured = json.loads((folder / SCORES).read_text())
    return found


def extended(setting: str, method: str, seed: int, out: Path, plan: Plan) -> Measured:
    """A model that has been taught something new, trained and measured unless that is done; the model is not kept."""
    file = out / f"{setting}-{method}-{seed}.json"
    if not file.is_file():
        data, start = read(plan), out / f"base-{seed}"
        name, _, strength = method.partition("=")
        new = [data.corpora[TAUGHT[setting]]]
        if name == "replay":
            new += [again(data.corpora[old], float(strength), seed) for old in (EWT, CONLL)]
        graph = make_graph(make_encoder(adapters=name == "adapters"), entities=setting == "entities")
        set_seed(seed)
        model = train(
            extend(storage.load(start / BEST), graph, new, ignore_labels=True),
            new,
            out / file.stem,
            epochs=plan.more,
            seed=seed,
            encoder=1.0 if name == "adapters" else 0.2,
            regularizers=penalties(name, strength, start / FISHER),
            frozen=[PARSE] if name in ("adapters", "frozen") else [],
        )
        keep(file, measured(model, data, (EWT, CONLL, TAUGHT[setting])))
        shutil.rmtree(out / file.stem)
    found: Measured = json.loads(file.read_text())
    return found


def again(corpus: Corpus, share: float, seed: int) -> Corpus:
    """A part of an old corpus to go over again; its dev set chooses nothing."""
    return Corpus(name=corpus.name, train=drawn(corpus.train, share, seed))


def penalties(name: str, strength: str, fisher: Path) -> list[Regularizer]:
    """What a method adds to the loss."""
    if name == "successive":
        return [Successive(strength=float(strength))]
    return [Elastic(strength=float(strength), fisher=fisher)] if name == "ewc" else []


def measured(model: CascadeModel, data: Data, names: Sequence[str] = (EWT, CONLL, GUM)) -> Measured:
    """The main score of every task that the model has, on each of these sets that has gold for it."""
    parts = {"dev": {name: data.corpora[name].dev for name in names}, "test": {name: data.test[name] for name in names}}
    return {
        part: {
            f"{name} {task}": main_score(model.task(task), own)[1]
            for name, docs in sets.items()
            for task, own in score_tasks(model, docs).items()
        }
        for part, sets in parts.items()
    }


def summary(before: Sequence[Scores], after: Sequence[Scores], setting: str) -> dict[str, Any]:
    """Means over seeds and what they have changed by, with the 95 % interval; all in points.

    Args:
        before: Scores of the models that were extended.
        after: Scores of these models extended, in the same order of seeds.
        setting: What they were taught.

    Returns:
        By corpus and task; and `lost`, the largest mean loss of an old task, below 0 if all have won.
    """
    found: dict[str, Any] = {}
    for name in (*OLD, *NEW[setting]):
        found[name] = {"mean": 100 * mean(own[name] for own in after)}
        if name in before[0]:
            gaps = [100 * (now[name] - then[name]) for then, now in zip(before, after, strict=True)]
            interval = student(gaps)[0] if len(gaps) > 1 else None
            found[name] |= {"change": mean(gaps), "interval": interval and [interval.low, interval.high]}
    return {**found, "lost": max(-found[name]["change"] for name in OLD)}


def table(before: Sequence[Scores], summaries: Mapping[str, Mapping[str, Any]], setting: str, title: str) -> Table:
    """A line for the models as they were and one for every method."""
    figures = (*OLD, *NEW[setting])
    made = Table("method", *figures, "lost at most", title=title, header_style="bold")
    for column in made.columns[1:]:
        column.justify = "right"
    made.add_row("before", *(f"{100 * mean(b[n] for b in before):.2f}" if n in before[0] else "" for n in figures), "")
    for method, found in summaries.items():
        made.add_row(method, *(_told(**found[name]) for name in figures), f"{max(0.0, found['lost']):.2f}")
    return made


def _told(mean: float, change: float | None = None, interval: Sequence[float] | None = None) -> str:
    gap = "" if change is None else f" {change:+.2f}"
    return f"{mean:.2f}{gap}" + (f" ({interval[0]:+.2f} to {interval[1]:+.2f})" if interval else "")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What is to be run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--setting", choices=METHODS, action="append", help=SEVERAL)
    parser.add_argument("--method", metavar="NAME[=STRENGTH]", action="append", help=SEVERAL)
    for field in fields(Plan):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default, help="see Plan")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=1, help="trainings at a time")
    parser.add_argument("--on", choices=("dev", "test"), default="test", help="what figures are of")
    return parser.parse_args(given)


def methods(setting: str, asked: Sequence[str] | None) -> list[str]:
    """Those of a setting that are asked for; all by default."""
    known = [name.partition("=")[0] for name in METHODS[setting]]
    return [name for name in asked or METHODS[setting] if name.partition("=")[0] in known]


def main(given: Sequence[str] | None = None) -> None:
    """Run what the command line says, print the tables, and write them to a file."""
    options = arguments(given)
    out, seeds, part = options.out, range(options.seeds), options.on
    plan = Plan(**{field.name: getattr(options, field.name) for field in fields(Plan)})
    require_same(out / "plan.json", asdict(plan))
    before = [one[part] for one in spread(base, [(seed, out, plan) for seed in seeds], options.processes)]
    settings = options.setting or list(METHODS)
    cells = [(setting, method) for setting in settings for method in methods(setting, options.method)]
    jobs = [(*cell, seed, out, plan) for cell in cells for seed in seeds]
    after = [one[part] for one in spread(extended, jobs, options.processes)]
    report: dict[str, Any] = {setting: {} for setting in settings}
    for number, (setting, method) in enumerate(cells):
        own = after[number * len(seeds) : (number + 1) * len(seeds)]
        report[setting][method] = summary(before, own, setting)
    for setting, summaries in report.items():
        title = (
            f"{setting}, on {part}, seeds: {len(seeds)}; {plan.share:.0%} of train of EWT and CoNLL-2000, "
            f"{plan.epochs} epochs, then {getattr(plan, setting):.0%} of {TAUGHT[setting]}, {plan.more} epochs"
        )
        Console().print(table(before, summaries, setting, title))
    keep(out / "report.json", {"plan": asdict(plan), "seeds": len(seeds), "on": part, **report})


if __name__ == "__main__":
    main()
