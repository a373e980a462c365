"""How good the answers of a cascade are, to be measured in a fresh process.

All questions are SQuAD's, and the articles are split by `squad_split.json`: what is fitted is fitted on its dev
articles. SQuAD v1.1 does not let anyone abstain, so `best_em` and `best_f1`, of the best answer whether or not it would
be given, are what compares with other readers; `em` and `f1` count what is left unanswered as wrong.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf
from pathlib import Path

from cascade.answering import Answering, BestF1, Fusion, Limits, QuestionAnswering, Weight, fit, passage_encoder
from cascade.answering.evaluation import AnswerEvaluation, evaluate_answers, judge
from cascade.answering.trials import Asked, trials
from cascade.data.squad import Article, questions, read_split, read_squad
from cascade.evaluation import Interval, interval, permutation_test
from cascade.retrieval import Index
from cascade.retrieval.questions import paragraphs

V1, V2, SPLIT = "squad_v1.1_dev/dev-v1.1.json", "squad_v2.0_dev_subset/dev-v2.0.json", "squad_split.json"
HITS = 30
CUTOFFS = (1, 5, 30)

Figures = dict[str, float]


def articles(path: str, part: str | None = None) -> tuple[Article, ...]:
    """The articles of a file of `CASCADE_DATA`, those of one part of the split alone if it is named."""
    folder = Path(os.environ["CASCADE_DATA"])
    return read_squad(folder / path, titles=None if part is None else read_split(folder / SPLIT)[part])


def drawn(path: str, part: str, limit: int | None) -> list[Asked]:
    """The questions of a part; as many as the limit says, drawn by chance and always the same."""
    asked = list(questions(articles(path, part)))
    if limit is None or limit >= len(asked):
        return asked
    return [asked[place] for place in sorted(random.Random(0).sample(range(len(asked)), limit))]


def shelve(folder: str) -> Figures:
    """Build an index of all 2,067 paragraphs of SQuAD's dev set, by words and by MiniLM's vectors."""
    documents = ((passage.id, "", [passage]) for passage in paragraphs(articles(V1)))
    with Index.build(folder, documents, encoder="minilm") as index:
        return {"passages": len(index)}


def reading(model: str, part: str, limit: int | None) -> Figures:
    """EM and F1 where the gold paragraph is given."""
    found = evaluate_answers(QuestionAnswering.load(model), drawn(V1, part, limit))
    return _named(found, ("best_em", "best_f1", "em", "f1", "coverage"))


def opened(model: str, index: str, part: str, limit: int | None) -> Figures:
    """Recall of the gold paragraph stage by stage, and EM and F1, over all paragraphs.

    `lexical` and `hybrid` are rankings of the index; `retrieve` ranks the hits by the stage that prunes; what has no
    name before it is the whole cascade, by the passages of the best candidates. The outcomes are the first stages that
    lost the answer.
    """
    asked = drawn(V1, part, limit)
    with Index.open(index, loader=passage_encoder) as shelf:
        found = evaluate_answers(QuestionAnswering.load(model, index=shelf, hits=HITS), asked, setting="open")
        hits = shelf.search_batch([question.text for _, question in asked], max(CUTOFFS), mode="lexical")
    ranked = [[hit.passage.text == own.context for hit in some] for (own, _), some in zip(asked, hits, strict=True)]
    lexical = {f"lexical recall@{k}": interval([any(some[:k]) for some in ranked]) for k in CUTOFFS}
    stages = {"search_": "hybrid ", "retrieve_": "retrieve ", "": ""}
    names = {f"{stage}recall@{k}": f"{shown}recall@{k}" for stage, shown in stages.items() for k in CUTOFFS}
    own = _named(found, ("best_em", "best_f1", "em", "f1", "coverage", *names), shown=names)
    return {**_spread(lexical), **own, **{name.value: n for name, n in found.attribution.counts.items()}}


def unanswerable(model: str, part: str, limit: int | None) -> Figures:
    """What the null score and calibration are worth where half of the questions have no answer.

    Settings are fitted on the dev articles. Beside them stands the same reader without null score and without
    calibration, which answers always (`bare`), or not below the score that does best on the dev articles
    (`thresholded`); and the settings that the model has (`own`). `f1_gain` is over the better of the first two.
    """
    qa = QuestionAnswering.load(model)
    dev = [trial.labelled(qa) for trial in trials(qa, drawn(V2, "dev", limit))]
    asked = list(trials(qa, drawn(V2, part, limit)))
    bare = Answering(
        fusion=Fusion(weights={name: Weight(weight=1.0) for name in ("read", "retrieve", "rerank")}),
        limits=Limits(refusal=inf),
    )
    beside = {"bare": bare, "thresholded": replace(bare, limits=bare.abstaining(dev, BestF1()).limits)}
    found = judge(asked, fit(dev))
    others = {name: judge(asked, settings) for name, settings in {**beside, "own": qa.settings}.items()}
    shown = ("em", "f1", "has_answer_f1", "no_answer_accuracy", "ece", "brier", "aurc", "brier_base_rate")
    figures = _named(found, (*shown, "aurc_base_rate"))
    for name, each in others.items():
        own = each.figures()
        figures |= {f"{name} {key}": own[key].value for key in ("f1", "ece", "brier", "aurc")}
    best = max(beside, key=lambda name: figures[f"{name} f1"])
    scores = [[question.scores["f1"] for question in each.questions] for each in (others[best], found)]
    return {
        **figures,
        "f1_gain": figures["f1"] - figures[f"{best} f1"],
        "f1_gain p": permutation_test(*scores),
        "brier_gain": figures["brier_base_rate"] - figures["brier"],
        "aurc_gain": figures["aurc_base_rate"] - figures["aurc"],
    }


def _named(found: AnswerEvaluation, names: Iterable[str], *, shown: Mapping[str, str] | None = None) -> Figures:
    """Some figures with their intervals, and how many questions they are of."""
    known, called = found.figures(), shown or {}
    chosen = {called.get(name, name): known[name] for name in names if name in known}
    return {"questions": len(found.questions), **_spread(chosen)}


def _spread(figures: Mapping[str, Interval]) -> Figures:
    parts = {"": "value", " low": "low", " high": "high"}
    return {f"{name}{end}": getattr(own, part) for name, own in figures.items() for end, part in parts.items()}
