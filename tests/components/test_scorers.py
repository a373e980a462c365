from __future__ import annotations

from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry

from cascade.components.pipe import CascadePipe
from cascade.components.scorers import score
from cascade.evaluation import bare_copy
from cascade.graph import TaskGraph
from cascade.nn.encoders import Embedding
from cascade.registry import graph_to_config
from cascade.tasks import TextClassification


def test_spacy_finds_the_scorer_by_its_name() -> None:
    assert registry.get("scorers", "cascade.Scorer.v1")() is score


def test_scores_of_all_tasks_are_merged(pipe: CascadePipe, docs: list[Doc]) -> None:
    tasks = [pipe.module.task(name) for name in pipe.tasks]
    scores = score([Example(doc, doc) for doc in docs], tasks=tasks, labels=("spacy", "hands", "this"))
    for task in tasks:
        expected = task.score([Example(doc, doc) for doc in docs])
        assert expected.keys() <= scores.keys()
    assert [scores[key] for key in ("tag_acc", "chunk_f", "dep_las", "sents_f")] == [1.0] * 4


def test_a_task_is_scored_on_the_examples_that_have_gold_for_it(pipe: CascadePipe, docs: list[Doc]) -> None:
    """An example without tags says nothing about the tagger."""
    other = bare_copy(docs[1])
    for token in other:
        token.tag_ = "XX"
    tag = pipe.module.task("tag")
    scores = score([Example(docs[0], docs[0]), Example(other, bare_copy(docs[1]))], tasks=[tag])
    assert scores["tag_acc"] == pytest.approx(1.0)


def test_without_any_gold_there_is_no_score(nlp: Language, docs: list[Doc]) -> None:
    bare = [Example(bare_copy(doc), bare_copy(doc)) for doc in docs]
    scores = nlp.evaluate(bare)
    assert scores["tag_acc"] is None


def test_a_scorer_of_spacys_own_gets_what_it_needs(docs: list[Doc]) -> None:
    """It is told the labels, as by spaCy's own pipes, and settings for one evaluation."""
    docs[0].cats, docs[1].cats = {"CLOCKS": 1.0, "TIME": 0.0}, {"CLOCKS": 0.0, "TIME": 1.0}
    examples = [Example(bare_copy(doc), doc) for doc in docs]
    nlp = spacy.blank("en")
    graph = TaskGraph(encoder=Embedding(words=8, characters=8)).add(TextClassification("topic", exclusive=False))
    scorer = {"@scorers": "spacy.textcat_multilabel_scorer.v2"}
    nlp.add_pipe("cascade", config={"graph": graph_to_config(graph), "scorer": scorer})
    nlp.initialize(lambda: examples)
    assert set(nlp.evaluate(examples)["cats_f_per_type"]) == {"CLOCKS", "TIME"}
    assert nlp.evaluate(examples, scorer_cfg={"threshold": 0.0})["cats_f_per_type"]["TIME"]["r"] == 1.0


def test_a_pipe_without_a_scorer_scores_nothing(pipe: CascadePipe, examples: list[Any]) -> None:
    pipe.scorer = None
    assert pipe.score(examples) == {}
