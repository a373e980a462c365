"""AutoSeM (Guo et al. 2019) on a small main task with three auxiliary ones, of which one is of no use.

    python -m tests.bench.selecting OUT --seeds 3 --processes 2

The main task is chunking, with a small share of CoNLL-2000. Tags and trees of EWT are to help it; `shuffled` are the
same tags, dealt out to the words of EWT by chance. All tasks read one small recurrent encoder. What each task is given
is shown: in stage 1 how often it was drawn, how often the main score had not fallen then, and the utility that this
comes to; in stage 2 its share of the batches in the best ratio. Unless `--keep` says so, stage 1 leaves none out.

Beside it stand the main task alone and all tasks drawn alike, with as many steps as one ratio is tried with. AutoSeM
takes as many for every ratio and chooses among them, so its dev scores are those of the luckiest of many trainings.
Dev, which is drawn from the last tenth of train, chooses ratio and epoch; `test` is the test set. A training
that is done is not repeated, and one that was killed goes on: the same command again prints the tables.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any

import spacy
from rich.console import Console
from rich.table import Table
from spacy.tokens import Doc

from cascade import storage
from cascade.data import downloads, read_columns, read_conllu
from cascade.diagnostics.comparing import student
from cascade.evaluation import score_tasks
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.nn.encoders import Recurrent as RecurrentEncoder
from cascade.tasks import Chunking, Parsing, Tagging
from cascade.tasks.base import Task
from cascade.training import Batches, Corpus, Trainer, optimizers, sampling, schedules
from cascade.training.autosem import autosem
from cascade.training.folder import RunFolder
from cascade.training.history import History
from cascade.training.schedules import Schedule
from tests.bench.grids import SEVERAL, drawn, keep, require_same, spread

MAIN, POS, PARSE, SHUFFLED = "chunk", "pos", "parse", "shuffled"
TASKS = (MAIN, POS, PARSE, SHUFFLED)
SYSTEMS = ("single", "uniform", "autosem")
BATCH = Batches(words=500)
EVALUATIONS = 6
"""Of every training but that of stage 1."""
DEV = 400
"""Sentences."""

Corpora = Mapping[str, Corpus]
Found = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How large it all is.

    Args:
        share: Of the main task's training set.
        others: Of EWT.
        steps: Of every training but that of stage 1.
        draws: Tasks that stage 1 draws.
        length: Steps of a task that it has drawn.
        decay: How quickly it forgets.
        keep: Utility above which it keeps an auxiliary task; with 0, what a task is worth is left to stage 2.
        rounds: Ratios that stage 2 tries.
    """

    share: float = 0.01
    others: float = 0.15
    steps: int = 600
    draws: int = 80
    length: int = 20
    decay: float = 0.05
    keep: float = 0.0
    rounds: int = 15


def make_graph(names: Sequence[str]) -> TaskGraph:
    """Some of the tasks, all on the highest layer of one encoder."""
    embedding = Embedding(words=50, characters=50, vocabulary=8000, buckets=8000)
    spec = RecurrentEncoder(embedding=embedding, width=64, depth=1)
    tasks: dict[str, Task] = {
        MAIN: Chunking(MAIN, layer=1, hidden=64),
        POS: Tagging(POS, layer=1, attribute="POS", hidden=64),
        PARSE: Parsing(PARSE, layer=1, hidden=100, relations=50),
        SHUFFLED: Tagging(SHUFFLED, layer=1, attribute="TAG", hidden=64),
    }
    graph = TaskGraph(encoder=spec)
    for name in names:
        graph.add(tasks[name])
    return graph


@cache
def read(plan: Plan) -> tuple[dict[str, Corpus], list[Doc]]:
    """The corpora by what they serve, and the test set of the main task; read once in a process."""
    vocab = spacy.blank("en").vocab
    chunks, test = (list(read_columns(downloads.find(f"conll2000/{part}"), vocab=vocab)) for part in ("train", "test"))
    cut = int(0.9 * len(chunks))
    trees = drawn(list(read_conllu(downloads.find("ewt/train"), vocab=vocab, sentences=1)), plan.others)
    corpora = {
        MAIN: Corpus(name=MAIN, train=drawn(chunks[:cut], plan.share), dev=drawn(chunks[cut:], DEV)),
        POS: Corpus(name="trees", train=[untagged(doc) for doc in trees]),
        SHUFFLED: Corpus(name=SHUFFLED, train=shuffled(trees)),
    }
    return corpora, test


def untagged(doc: Doc) -> Doc:
    """A Doc without the treebank's own tags, so that nothing but what is shuffled stands in their place."""
    for token in doc:
        token.tag_ = ""
    return doc


def shuffled(docs: Sequence[Doc]) -> list[Doc]:
    """The same words with the universal tags of all of them, dealt out by chance, as `token.tag_`; nothing else."""
    tags = [token.pos_ for doc in docs for token in doc]
    random.Random(0).shuffle(tags)
    dealt = iter(tags)
    return [Doc(doc.vocab, words=[t.text for t in doc], tags=[next(dealt) for _ in doc]) for doc in docs]


def chosen(corpora: Corpora, tasks: Sequence[str]) -> list[Corpus]:
    """The corpora with gold for some of the tasks; tags and trees are of the same."""
    return [corpora[name] for name in dict.fromkeys(POS if task == PARSE else task for task in tasks)]


def trainer(tasks: Sequence[str], corpora: Corpora, schedule: Schedule, *, epochs: int, seed: int) -> Trainer:
    """A trainer of a new model; only the main task has dev Docs, and chooses."""
    return Trainer(
        CascadeModel(make_graph(tasks)),
        corpora=chosen(corpora, tasks),
        schedule=schedule,
        optimizer=optimizers.Adam(rate=2e-3),
        epochs=epochs,
        average=None,
        seed=seed,
        cpu=True,
        console=Console(quiet=True),
    )


def mixed(ratio: Mapping[str, int], corpora: Corpora, plan: Plan, seed: int) -> Trainer:
    """A trainer of the tasks of a ratio; where it names one alone, that is the single-task baseline."""
    tasks = [task for task in ratio if ratio[task]]
    schedule = schedules.Mixed(
        ratio={task: ratio[task] for task in tasks}, batches=BATCH, length=plan.steps // EVALUATIONS
    )
    return trainer(tasks, corpora, schedule, epochs=EVALUATIONS, seed=seed)


def alike(corpora: Corpora, plan: Plan, seed: int) -> Trainer:
    """A trainer of all tasks, each drawn as often as another."""
    schedule = schedules.Sampled(sampling=sampling.Uniform(), batches=BATCH, length=plan.steps // EVALUATIONS)
    return trainer(TASKS, corpora, schedule, epochs=EVALUATIONS, seed=seed)


def select(corpora: Corpora, plan: Plan, seed: int, folder: Path) -> tuple[Path, Found]:
    """Both stages.

    Returns:
        Where the best model is, and what each task was given.
    """
    bandit = sampling.Thompson(main=MAIN, decay=plan.decay, seed=seed)
    schedule = schedules.Sampled(sampling=bandit, batches=BATCH, length=plan.length)
    first = trainer(TASKS, corpora, schedule, epochs=plan.draws, seed=seed)
    found = autosem(
        first,
        lambda ratio: mixed(ratio, corpora, plan, seed),
        folder,
        keep=plan.keep,
        rounds=plan.rounds,
        seed=seed,
    )
    scores = [row["main"] for row in RunFolder(folder / "selection").metrics.rows()]
    told = {
        "utilities": found.utilities,
        **drawn_tasks(bandit, scores),
        "ratio": {task: found.ratio.get(task, 0) for task in TASKS},
        "tried": [
            {"ratio": dict(zip(found.tasks, ratio, strict=True)), "dev": dev} for ratio, dev in found.tried.items()
        ],
    }
    return found.folder, told


def drawn_tasks(bandit: sampling.Thompson, scores: Sequence[Mapping[str, float]]) -> Found:
    """How often stage 1 has drawn each task, and how often the main score had not fallen then.

    Args:
        bandit: What has drawn.
        scores: Main scores of all evaluations.
    """
    draws, rewards = Counter[str](), Counter[str]()
    before = 0.0
    for number, now in enumerate(scores):
        shares = bandit.shares(dict.fromkeys(TASKS, 1), History(scores=scores[:number]))
        task = max(shares, key=shares.__getitem__)
        draws[task] += 1
        rewards[task] += now[MAIN] >= before
        before = now[MAIN]
    return {"draws": {task: draws[task] for task in TASKS}, "rewards": {task: rewards[task] for task in TASKS}}


def run(system: str, seed: int, out: Path, plan: Plan) -> Found:
    """Train a system and measure it, unless that has been done; the models are not kept."""
    file, folder = out / f"{system}-{seed}.json", out / f"{system}-{seed}"
    if not file.is_file():
        corpora, test = read(plan)
        place, told = folder, Found()
        if system == "autosem":
            place, told = select(corpora, plan, seed, folder)
        else:
            made = mixed({MAIN: 1}, corpora, plan, seed) if system == "single" else alike(corpora, plan, seed)
            made.fit(folder, resume=True)
        model = storage.load(place / "best")
        parts = {"dev": corpora[MAIN].dev, "test": test}
        keep(file, told | {part: score_tasks(model, docs, [MAIN])[MAIN]["chunk_f"] for part, docs in parts.items()})
        shutil.rmtree(folder)
    found: Found = json.loads(file.read_text())
    return found


def given(found: Sequence[Found]) -> dict[str, dict[str, float]]:
    """What each task was given by AutoSeM, means over seeds: see the columns of `allocation`."""

    def of(task: str) -> dict[str, float]:
        draws = sum(one["draws"][task] for one in found)
        return {
            "drawn": draws / sum(sum(one["draws"].values()) for one in found),
            "rewarded": sum(one["rewards"][task] for one in found) / max(draws, 1),
            "utility": mean(one["utilities"][task] for one in found),
            "share": mean(one["ratio"][task] / sum(one["ratio"].values()) for one in found),
        }

    return {task: of(task) for task in TASKS}


def least(table: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """The auxiliary tasks with the smallest figure, by figure."""
    figures = table[SHUFFLED]
    lowest = {name: min(table[task][name] for task in TASKS[1:]) for name in figures}
    return {name: ", ".join(t for t in TASKS[1:] if table[t][name] == low) for name, low in lowest.items()}


def allocation(table: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """What each task was given, in per cent, and which of the auxiliary ones got the least."""
    made = Table("task", *table[MAIN], title=title, header_style="bold")
    for column in made.columns[1:]:
        column.justify = "right"
    for task, figures in table.items():
        made.add_row(task, *(f"{100 * value:.1f}" for value in figures.values()))
    made.add_section()
    made.add_row("least", *least(table).values())
    return made


def comparison(found: Mapping[str, Sequence[Found]]) -> dict[str, Found]:
    """Scores of the systems, means over seeds, in points, and how far each is above the main task alone on test."""
    told: dict[str, Found] = {}
    for system, runs in found.items():
        told[system] = {part: 100 * mean(one[part] for one in runs) for part in ("dev", "test")}
        if system != "single" and "single" in found:
            gaps = [100 * (one["test"] - alone["test"]) for alone, one in zip(found["single"], runs, strict=True)]
            interval = student(gaps)[0] if len(gaps) > 1 else None
            told[system] |= {"gain": mean(gaps), "interval": interval and [interval.low, interval.high]}
    return told


def scores(told: Mapping[str, Found], title: str) -> Table:
    """A line for every system."""
    made = Table("system", "dev", "test", "above single (95 % interval)", title=title, header_style="bold")
    for column in made.columns[1:]:
        column.justify = "right"
    for system, one in told.items():
        gain = f"{one['gain']:+.2f}" if "gain" in one else ""
        interval = "" if one.get("interval") is None else " ({:+.2f} to {:+.2f})".format(*one["interval"])
        made.add_row(system, f"{one['dev']:.2f}", f"{one['test']:.2f}", gain + interval)
    return made


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What is to be run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--system", choices=SYSTEMS, action="append", help=SEVERAL)
    for field in fields(Plan):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default, help="see Plan")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=1, help="seeds and systems at a time")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Run what the command line says, print the tables, and write them to a file."""
    options = arguments(words)
    out, seeds = options.out, range(options.seeds)
    plan = Plan(**{field.name: getattr(options, field.name) for field in fields(Plan)})
    require_same(out / "plan.json", asdict(plan))
    systems = [system for system in SYSTEMS if system in (options.system or SYSTEMS)]
    # Those that take longest are begun first.
    jobs = [(system, seed, out, plan) for system in reversed(systems) for seed in seeds]
    runs = dict(zip([job[:2] for job in jobs], spread(run, jobs, options.processes), strict=True))
    found = {system: [runs[system, seed] for seed in seeds] for system in systems}
    report: Found = {"plan": asdict(plan), "seeds": len(seeds), "scores": comparison(found)}
    title = (
        f"chunk F1, seeds: {len(seeds)}; {plan.share:.0%} of train of CoNLL-2000, {plan.others:.0%} of train of EWT, "
        f"{plan.steps} steps"
    )
    Console().print(scores(report["scores"], title))
    if "autosem" in found:
        table = given(found["autosem"])
        report |= {"given": table, "least": least(table)}
        Console().print(allocation(table, f"given by AutoSeM, in per cent: {plan.draws} draws, {plan.rounds} ratios"))
    keep(out / "report.json", report)


if __name__ == "__main__":
    main()
