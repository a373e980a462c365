from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spacy

from cascade.answering.proposals import Stages
from cascade.docs import SEARCH, passage_of, set_stage
from cascade.errors import GraphError
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Convolutional
from cascade.retrieval.questions import question_doc
from cascade.tasks import Sentences
from tests.answering.tiny import reader

TEXTS = ["Mara mends clocks in Oslo.", "", "Ilse flies kites in Turku - (often)!", "A"]


@pytest.fixture(scope="module", params=[True, False])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> CascadeModel:
    return reader(tmp_path_factory.mktemp("model"), stages=request.param)


def asked(texts: list[str]) -> spacy.tokens.Doc:
    passages = [passage_of(text, id=f"p{i}") for i, text in enumerate(texts)]
    return question_doc(spacy.blank("en"), "Where does Mara mend?", passages)


def test_candidates_are_the_spans_that_every_stage_has_kept(model: CascadeModel) -> None:
    doc, stages = asked(TEXTS), Stages(model)
    predictions = model.predict([doc])[0]
    found = stages.candidates(doc, predictions)
    assert len(found)
    for passage, first, last, text in zip(found.passage, found.first, found.last, found.texts, strict=True):
        assert TEXTS[passage][first:last] == text and text.strip() == text != ""
    last_stage = predictions[stages.rerank or stages.read or ""]
    assert len(found) == np.isfinite(last_stage["score"]).sum()
    assert set(found.scores) == {"read", "null", "length"} | ({"retrieve", "rerank"} if stages.rerank else set())
    np.testing.assert_array_equal(found.scores["length"] > 0, True)


def test_each_stage_has_its_own_score_and_no_sum(model: CascadeModel) -> None:
    """The log odds of the last stage are the sum of what the stages say, each once."""
    doc, stages = asked(TEXTS), Stages(model)
    predictions = model.predict([doc])[0]
    found = stages.candidates(doc, predictions)
    total = found.scores["read"] - found.scores["null"]
    total = total + found.scores.get("retrieve", 0.0) + found.scores.get("rerank", 0.0)
    last = predictions[stages.rerank or stages.read or ""]["score"]
    np.testing.assert_allclose(total, last[np.isfinite(last)], rtol=1e-5, atol=1e-5)


def test_scores_of_the_search_go_with_their_passages(model: CascadeModel) -> None:
    doc = asked(TEXTS)
    set_stage(doc, SEARCH, {"scores": [4.0, 3.0, 2.0, 1.0]})
    found = Stages(model).candidates(doc, model.predict([doc])[0])
    np.testing.assert_array_equal(found.scores["search"], 4.0 - found.passage)


@pytest.mark.parametrize("texts", [[], [""], ["", " \n"]])
def test_without_words_there_are_no_candidates(model: CascadeModel, texts: list[str]) -> None:
    doc = asked(texts)
    assert len(Stages(model).candidates(doc, model.predict([doc])[0])) == 0


def test_a_graph_that_does_not_read_is_refused() -> None:
    graph = TaskGraph(encoder=Convolutional(width=8, depth=1, vocabulary=10, buckets=10)).add(Sentences("sents"))
    with pytest.raises(GraphError, match="no task of sents reads answers: add a cs.tasks.Reading"):
        Stages(CascadeModel(graph))


def test_two_readers_are_one_too_many(tmp_path: Path) -> None:
    from cascade.tasks import Reading

    graph = reader(tmp_path, stages=False).graph
    graph.add(Reading("again", layer=1))
    with pytest.raises(GraphError, match="read, again are all Reading"):
        Stages(CascadeModel(graph))
