"""Three tasks trained together beside three models of one task each: the same questions, the same steps, some seeds.

    python -m tests.bench.joint runs/joint --seeds 3

Apart, it goes as in a pipeline of three models: a retriever is trained on all passages of the questions; a reader on
those that the retriever keeps; a reranker on the spans that the reader proposes. Each has an encoder of its own and
takes as many steps as the joint model takes in all. What they say is fused as the joint model's stages are.

A run that was killed goes on where it was; what is done is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from rich.console import Console
from rich.table import Table as Printed
from spacy.tokens import Doc

from cascade import docs as documents
from cascade.answering import Answering, Candidates, Labelled, fit
from cascade.answering.proposals import Stages
from cascade.components.questions import questions
from cascade.data.answers import exact_match, token_f1
from cascade.evaluation import Table, compare
from cascade.graph import Candidates as Kept
from cascade.graph import Hidden, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Transformer
from cascade.tasks import Reading, Reranking, Retrieval
from cascade.tasks.base import Predictions
from cascade.training import Batches, Corpus, Trainer
from cascade.training.curves import WarmupLinear
from cascade.training.optimizers import Adam
from cascade.training.regularizers import Successive
from cascade.training.schedules import Joint
from tests.bench.answering import SPLIT, V1
from tests.bench.grids import keep
from tests.bench.handed import Handed, hand, narrowed, places

JOINT, SUCCESSIVE, APART = "joint", "joint, successive regularization", "apart"
SYSTEMS = (JOINT, SUCCESSIVE, APART)
RETRIEVE, READ, RERANK = "retrieve", "read", "rerank"
SPANS, BATCH, NEGATIVES = 5, 12, 3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How large it all is.

    Args:
        train: Questions that are trained on, each with its paragraph and three others that look like it.
        dev: Questions of the dev articles that the fusion of the stages is fitted on.
        test: Questions of the test articles.
        others: Paragraphs that a question of dev and test has beside its own.
        trained: Passages of a question that are read in training.
        kept: Passages of a question that are read in prediction.
        epochs: Epochs.
        strength: Of the successive regularization.
    """

    train: int = 2000
    dev: int = 120
    test: int = 300
    others: int = 5
    trained: int = 2
    kept: int = 4
    epochs: int = 2
    strength: float = 1e-3


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a system has found for a question.

    Args:
        id: Of the question.
        answers: Texts of the gold answers.
        odds: What the retriever says of the passages; the question's own paragraph is the first of them.
        candidates: The candidates.
    """

    id: str
    answers: tuple[str, ...]
    odds: np.ndarray
    candidates: Candidates

    def scores(self, settings: Answering) -> dict[str, float]:
        """See `scored`."""
        given, decision = self.candidates.scores, settings.decide(self.candidates)
        rank = 1 + int(np.sum(self.odds[1:] >= self.odds[0]))
        read = self.candidates.texts[int(np.argmax(given["read"] - given["null"] + given["retrieve"]))]
        best = decision.text(decision.groups[0])
        return {
            "mrr": 1 / rank,
            "recall@1": float(rank == 1),
            "read_f1": token_f1(read, self.answers),
            "em": exact_match(best, self.answers),
            "f1": token_f1(best, self.answers),
        }


Predict = Callable[[Iterable[Doc]], Iterator[Found]]


def grid(folder: Path, seeds: int, plan: Plan) -> dict[str, Any]:
    """Train and test all systems with all seeds, and compare them.

    Args:
        folder: Where runs and results are kept.
        seeds: How many seeds.
        plan: How large it all is.

    Returns:
        `figures`, the means by system, metric and seed; and `comparisons` of `apart` with the others, with paired tests
        over questions, whose scores are means over seeds.
    """
    tables = {system: [scored(folder, system, seed, plan) for seed in range(seeds)] for system in SYSTEMS}
    means = {system: _mean(some) for system, some in tables.items()}
    metrics = next(iter(means[APART].values()))
    return {
        "plan": asdict(plan),
        "figures": {
            system: {
                metric: [float(np.mean([row[metric] for row in one.values()])) for one in some] for metric in metrics
            }
            for system, some in tables.items()
        },
        "comparisons": {
            system: [asdict(each) | {"difference": each.difference._asdict()} for each in compare(means[APART], own)]
            for system, own in means.items()
            if system != APART
        },
    }


def scored(folder: Path, system: str, seed: int, plan: Plan) -> Table:
    """Scores of a system on the test questions, made now unless they are there.

    `mrr` and `recall@1` are of the gold paragraph by the retriever; `read_f1` is of the best span by retriever and
    reader; `em` and `f1` are of the best answer after fusion, which is fitted on the dev questions.
    """
    place = folder / f"{system.replace(', ', '_').replace(' ', '_')}-{seed}"
    done = place / "scores.json"
    if not done.is_file():
        predict = (apart if system == APART else together)(place, system, seed, plan)
        dev, test = (list(predict(_docs(part, plan))) for part in ("dev", "test"))
        settings = fit([Labelled(candidates=one.candidates, answers=one.answers) for one in dev])
        keep(done, {one.id: one.scores(settings) for one in test})
    table: Table = json.loads(done.read_text())
    return table


def together(place: Path, system: str, seed: int, plan: Plan) -> Predict:
    """One model of all three tasks."""
    penalties = [Successive(strength=plan.strength)] if system == SUCCESSIVE else []
    model = _trained(
        place / "run", _graph(plan), _docs("train", plan), seed, plan, regularizers=penalties, joins={RERANK: 0.3}
    )
    stages = Stages(model)

    def predict(docs: Iterable[Doc]) -> Iterator[Found]:
        for doc in docs:
            found = model.predict([doc], keep={RETRIEVE: plan.kept})[0]
            yield _found(doc, found[RETRIEVE]["score"], stages.candidates(doc, found))

    return predict


def apart(place: Path, system: str, seed: int, plan: Plan) -> Predict:
    """Three models, each trained on what the one before makes of the questions."""
    docs = _docs("train", plan)
    retriever = _trained(place / RETRIEVE, _single(_retrieval()), docs, seed, plan)
    docs = [narrowed(doc, places(_odds(retriever, doc), plan.trained, gold=0), gold=True) for doc in docs]
    reader = _trained(place / READ, _single(_reading()), docs, seed, plan)
    docs = [hand(doc, _spans(reader, doc)) for doc in docs]
    reranker = _trained(place / RERANK, _reranker(), docs, seed, plan)
    stages = Stages(CascadeModel(_graph(plan)))

    def predict(docs: Iterable[Doc]) -> Iterator[Found]:
        for doc in docs:
            odds = _odds(retriever, doc)
            kept = places(odds, plan.kept)
            close = narrowed(doc, kept)
            spans = _spans(reader, close)
            judged = reranker.predict([hand(close, spans)], tasks=[RERANK], given=[READ])[0][RERANK]
            own = dict(zip(_keys(judged), judged["own"].tolist(), strict=True))
            added = np.array([own[key] for key in _keys(spans)])
            found = {RETRIEVE: {"score": odds[kept]}, READ: spans, RERANK: {"own": added, "score": added}}
            yield _found(doc, odds, stages.candidates(close, found))

    return predict


def _trained(place: Path, graph: TaskGraph, docs: Sequence[Doc], seed: int, plan: Plan, **more: Any) -> CascadeModel:
    """A model of a graph; training goes on where it was."""
    model = CascadeModel(graph)
    trainer = Trainer(
        model,
        corpora=[Corpus(train=docs)],
        schedule=Joint(batches=Batches(docs=BATCH)),
        optimizer=Adam(rate=1e-3, weight_decay=0.01, curve=WarmupLinear(0.05)),
        epochs=plan.epochs,
        clip=1.0,
        average=0.99,
        rates={"encoder": 0.2},
        checkpoint_every=50,
        seed=seed,
        console=Console(quiet=True),
        **more,
    )
    trainer.fit(place, resume=True)
    return model.eval()


def _encoder() -> Transformer:
    return Transformer("minilm", layers=6, fixed_embeddings=True, attention_dropout=0.0, hidden_dropout=0.0)


def _retrieval() -> Retrieval:
    return Retrieval(RETRIEVE, layer=2)


def _reading() -> Reading:
    return Reading(READ, layer=6)


def _reranking() -> Reranking:
    return Reranking(RERANK, layer=6)


def _single(task: Retrieval | Reading) -> TaskGraph:
    return TaskGraph(encoder=_encoder()).add(task)


def _reranker() -> TaskGraph:
    handed = Handed(READ, layer=6, beam=1, spans=1)
    graph = TaskGraph(encoder=_encoder()).add(handed)
    return graph.add(_reranking(), after={READ: [Hidden(), Kept(2 * SPANS, gold=True)]})


def _graph(plan: Plan) -> TaskGraph:
    graph = TaskGraph(encoder=_encoder()).add(_retrieval())
    graph.add(_reading(), after={RETRIEVE: [Kept(plan.trained, gold=True)]})
    return graph.add(_reranking(), after={READ: [Hidden(), Kept(SPANS)]})


def _docs(part: str, plan: Plan) -> list[Doc]:
    """The questions of a part of the split, with their passages, the gold one first."""
    data = Path(os.environ["CASCADE_DATA"])
    limit = {"train": plan.train, "dev": plan.dev, "test": plan.test}[part]
    others = NEGATIVES if part == "train" else plan.others
    reader = questions(str(data / V1), titles=str(data / SPLIT), part=part, negatives=others, limit=limit)
    return list(reader.read(spacy.blank("en")))


def _odds(retriever: CascadeModel, doc: Doc) -> np.ndarray:
    return np.asarray(retriever.predict([doc])[0][RETRIEVE]["score"])


def _spans(reader: CascadeModel, doc: Doc) -> Predictions:
    """The best spans of every passage."""
    found = reader.predict([doc])[0][READ]
    best = np.arange(len(found["text"])) - np.searchsorted(found["text"], found["text"]) < SPANS
    return {name: values[best] for name, values in found.items()}


def _keys(spans: Mapping[str, np.ndarray]) -> list[tuple[int, int, int]]:
    return list(zip(*(spans[name].tolist() for name in ("text", "first", "last")), strict=True))


def _found(doc: Doc, odds: np.ndarray, candidates: Candidates) -> Found:
    answers = tuple(answer.plain for answer in documents.answers(doc) or ())
    return Found(id=doc.user_data["id"], answers=answers, odds=np.asarray(odds), candidates=candidates)


def _mean(tables: Sequence[Table]) -> Table:
    """Every question's scores, averaged over seeds."""
    first = tables[0]
    return {
        id: {metric: float(np.mean([table[id][metric] for table in tables])) for metric in row}
        for id, row in first.items()
    }


def printed(report: Mapping[str, Any]) -> Printed:
    """The figures of a grid as a table."""
    table = Printed("metric", *SYSTEMS, *(f"{name} - {APART}" for name in report["comparisons"]), header_style="bold")
    for number, metric in enumerate(report["figures"][APART]):
        means = [f"{100 * np.mean(report['figures'][system][metric]):.1f}" for system in SYSTEMS]
        gaps = [own[number] for own in report["comparisons"].values()]
        table.add_row(metric, *means, *(f"{100 * g['difference']['value']:+.1f} (p {g['adjusted']:.3f})" for g in gaps))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where runs and results are kept")
    parser.add_argument("--seeds", type=int, default=3)
    for name in ("train", "dev", "test", "epochs"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Plan(), name))
    given = vars(parser.parse_args())
    folder, seeds = given.pop("folder"), given.pop("seeds")
    report = grid(folder, seeds, Plan(**given))
    keep(folder / "report.json", report)
    Console().print(printed(report))


if __name__ == "__main__":
    main()
