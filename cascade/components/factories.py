"""Factories: what `nlp.add_pipe` and configs call the pipes. spaCy finds them by entry points, without an import."""

from __future__ import annotations

from typing import Any

from spacy.language import Language

from cascade import storage
from cascade.answering.questions import HITS, QuestionAnswering
from cascade.components.answering import AnsweringPipe
from cascade.components.answers import METRICS, AnswerScorer
from cascade.components.pipe import CascadePipe
from cascade.components.scorers import Scorer
from cascade.components.shim import make_model
from cascade.config import find
from cascade.errors import ConfigError
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.precision import Precision

DEFAULT_CONFIG: dict[str, Any] = {
    "model": None,
    "graph": None,
    "tasks": None,
    "given": [],
    "overwrite": True,
    "device": None,
    "words": None,
    "precision": "bf16",
    "scorer": {"@scorers": "cascade.Scorer.v1"},
}
PROBABILITIES = "doc._.cascade"


@Language.factory("cascade", default_config=DEFAULT_CONFIG, assigns=[PROBABILITIES])
def make_cascade(
    nlp: Language,
    name: str,
    model: str | None,
    graph: TaskGraph | None,
    tasks: list[str] | None,
    given: list[str],
    overwrite: bool,
    device: str | None,
    words: int | None,
    precision: Precision,
    scorer: Scorer | None,
) -> CascadePipe:
    """Make a pipe for any graph.

    Args:
        nlp: The pipeline.
        name: The component's name.
        model: A shipped pipeline by name, or a model folder. It is read when a new pipeline is made and never again: a
            saved pipeline carries its weights.
        graph: The graph of a pipe that is to be trained.
        tasks: See `CascadePipe`.
        given: See `CascadePipe`.
        overwrite: See `CascadePipe`.
        device: See `CascadePipe`.
        words: See `CascadePipe`.
        precision: See `CascadePipe`.
        scorer: See `CascadePipe`.

    Raises:
        ConfigError: Both model and graph are named, or there is no such model.
        GraphError: The graph cannot work.
        ModelError: The model cannot be read.
    """
    if model is not None and graph is not None:
        raise ConfigError(
            f"component {name!r} names a model, {model!r}, and a graph: keep one and set the other to null"
        )
    module = None if graph is None else CascadeModel(graph)
    if model is not None and not _is_saved(nlp, name):
        module = storage.load(find(model))
    return CascadePipe(
        nlp.vocab,
        make_model(module),
        name,
        tasks=tasks,
        given=given,
        overwrite=overwrite,
        device=device,
        words=words,
        precision=precision,
        pretrained=model is not None,
        scorer=scorer,
    )


@Language.factory(
    "cascade_qa",
    default_config={
        "model": "en_cascade_qa",
        "index": None,
        "hits": HITS,
        "top_k": 1,
        "questions": None,
        "device": None,
        "scorer": {"@scorers": "cascade.AnswerScorer.v1"},
    },
    assigns=["doc._.passages", "doc._.answers", "doc.spans", PROBABILITIES],
    default_score_weights={"answers_f1": 1.0, **{f"answers_{metric}": None for metric in METRICS[1:]}},
)
def make_answering(
    nlp: Language,
    name: str,
    model: str | None,
    index: str | None,
    hits: int,
    top_k: int,
    questions: list[str] | None,
    device: str | None,
    scorer: AnswerScorer | None,
) -> AnsweringPipe:
    """Make a pipe that answers questions.

    Args:
        nlp: The pipeline.
        name: The component's name.
        model: A shipped pipeline by name, or a model folder; read when a new pipeline is made and never again.
        index: The folder of an index. It has to be there when a new pipeline is made; that of a saved one is opened by
            the first question that needs it.
        hits: See `AnsweringPipe`.
        top_k: See `AnsweringPipe`.
        questions: See `AnsweringPipe`.
        device: See `AnsweringPipe`.
        scorer: See `AnsweringPipe`.

    Raises:
        ConfigError: There is no such model, or a number is out of range.
        GraphError: The model does not read answers.
        ModelError: The model cannot be read.
        StoreError: There is no such index, or it cannot be opened.
    """
    fresh = not _is_saved(nlp, name)
    loaded = QuestionAnswering.load(model) if model is not None and fresh else None
    pipe = AnsweringPipe(
        loaded.model if loaded else None,
        name,
        settings=loaded.settings if loaded else None,
        index=index,
        hits=hits,
        top_k=top_k,
        questions=questions,
        device=device,
        scorer=scorer,
    )
    if index is not None and fresh:
        pipe.open()
    return pipe


def _is_saved(nlp: Language, name: str) -> bool:
    """Whether the component's weights follow: spacy.load hands over the saved meta before it makes pipes.

    A pipeline that has its path is loaded already; what is added to it now is new, whatever it is called.
    """
    return nlp.path is None and name in nlp._meta.get("components", ())


def _register(name: str, *, model: str | None, assigns: list[str], scores: list[str], others: list[str]) -> None:
    """Register a factory for a shipped graph, so that spaCy knows what it assigns and scores.

    Args:
        name: The factory's name.
        model: The default model.
        assigns: Attributes that it sets.
        scores: Main scores, one a task, of equal weight.
        others: Scores that it gives besides.
    """
    Language.factory(
        name,
        default_config={**DEFAULT_CONFIG, "model": model},
        assigns=[*assigns, PROBABILITIES],
        default_score_weights={**dict.fromkeys(scores, 1 / len(scores)), **dict.fromkeys(others)},
        func=make_cascade,
    )


MORPHOLOGY = ["token.tag", "token.pos", "token.morph", "token.lemma"]
MORPHOLOGY_SCORES = ["tag_acc", "pos_acc", "morph_acc", "lemma_acc"]
SENTENCES = ["token.is_sent_start", "doc.sents"]
SENTENCE_PARTS = ["sents_p", "sents_r"]
TREES = ["token.head", "token.dep"]
TREE_PARTS = ["dep_uas", "dep_las_per_type"]
CHUNK_PARTS = ["chunk_p", "chunk_r", "chunk_per_type"]
ENTITY_PARTS = ["ents_p", "ents_r", "ents_per_type"]

for english in ("en_cascade_sm", "en_cascade_md"):
    _register(
        english,
        model=english,
        assigns=[*SENTENCES, *MORPHOLOGY, "doc.spans", "doc.ents", *TREES],
        scores=["sents_f", *MORPHOLOGY_SCORES, "chunk_f", "ents_f", "dep_las"],
        others=[*SENTENCE_PARTS, *CHUNK_PARTS, *ENTITY_PARTS, *TREE_PARTS],
    )
_register(
    "cascade_ud",
    model=None,
    assigns=[*SENTENCES, *MORPHOLOGY, *TREES],
    scores=["sents_f", *MORPHOLOGY_SCORES, "dep_las"],
    others=[*SENTENCE_PARTS, *TREE_PARTS],
)
for factory in ("cascade_jmt", "cascade_jmt_md"):
    _register(
        factory,
        model=None,
        assigns=["token.tag", "doc.spans", *TREES, "doc.cats"],
        scores=["tag_acc", "chunk_f", "dep_las", "relatedness_pearson", "entailment_acc"],
        others=[*CHUNK_PARTS, *TREE_PARTS, "relatedness_mse", "relatedness_spearman"],
    )
