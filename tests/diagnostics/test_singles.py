from __future__ import annotations

from pathlib import Path

import pytest

from cascade.config import model_from_config, read_config, trainer_from_config
from cascade.diagnostics.singles import alone, scored, single
from cascade.errors import ConfigError, GraphError
from cascade.graph import Candidates, Hidden, Labels, Recurrent, Segments, TaskGraph
from cascade.nn.encoders import Embedding, Transformer
from cascade.tasks import Adversary, AutoEncoding, Reading, Reranking, Retrieval, Tagging, TextClassification
from tests.diagnostics.trainings import small_config, small_graph


def test_a_task_alone_keeps_only_what_tells_sentences() -> None:
    graph = small_graph()
    assert alone(graph, "tag").names() == ["tag"]
    part = alone(graph, "chunk")
    assert part.order() == ["sents", "chunk"] and part.edges_into("chunk") == {"sents": (Segments(),)}
    assert graph.edges_into("chunk")["tag"] == (Hidden(), Labels(width=3))
    with pytest.raises(GraphError, match="no task 'parse'"):
        alone(graph, "parse")


def test_a_task_that_cannot_be_alone_keeps_all_upstream() -> None:
    graph = (
        TaskGraph(encoder=Transformer("anything", layers=4))
        .add(Retrieval("retrieve", layer=2))
        .add(Reading("read", layer=3), after={"retrieve": [Candidates(2)]})
        .add(Reranking("rerank", layer=3), after={"read": [Hidden(), Candidates(2)]})
    )
    assert alone(graph, "read").names() == ["read"]
    part = alone(graph, "rerank")
    assert part.names() == graph.names() and part.edges_into("rerank") == graph.edges_into("rerank")


def test_a_recurrent_layer_that_read_tasks_alone_reads_the_encoder() -> None:
    graph = TaskGraph(encoder=Embedding(words=4)).add(Tagging("pos", layer=1 - 1))
    graph.add(Tagging("tag", layer=Recurrent(3, shortcut=False)), after={"pos": [Hidden()]})
    assert alone(graph, "tag").task("tag").layer == Recurrent(3, shortcut=True)
    assert graph.task("tag").layer == Recurrent(3, shortcut=False)


def test_auxiliary_tasks_have_no_baseline() -> None:
    graph = TaskGraph(encoder=Embedding(words=4)).add(TextClassification("topic")).add(Adversary("adversary"))
    assert scored(graph.add(AutoEncoding("words"))) == ["topic"]


def test_the_config_of_one_task(tmp_path: Path) -> None:
    file = small_config(tmp_path)
    whole = read_config(file, {"cascade.trainer.score_weights": {"tag_acc": 1.0}})
    whole["cascade"]["trainer"] |= {
        "gradients": {"@cascade_gradients": "cascade.PCGrad.v1"},
        "weighting": {"@cascade_weightings": "cascade.Uncertainty.v1"},
        "joins": {"chunk": 0.5},
        "join_warmup": 0.1,
        "regularizers": {
            "l2": {"@cascade_regularizers": "cascade.L2.v1", "strengths": {"nodes.tag.*": 1e-3, "nodes.chunk.*": 1e-4}}
        },
    }
    trainer = trainer_from_config(single(whole, "chunk"), corpora=())
    assert trainer.model.graph.names() == ["sents", "chunk"]
    assert trainer.rates == {"encoder": 1.0} and trainer.score_weights == {}
    assert (trainer.joins, trainer.join_warmup) == ({"chunk": 0.5}, 0.1)
    assert trainer.regularizers[0].strengths == {"nodes.chunk.*": 1e-4}
    assert type(trainer.gradients).__name__ == "Sum" and type(trainer.weighting).__name__ == "Static"
    assert (trainer.epochs, trainer.schedule) == (2, trainer_from_config(whole, corpora=()).schedule)
    tags = trainer_from_config(single(whole, "tag"), corpora=())
    assert (tags.rates, tags.joins, tags.join_warmup) == ({"tag": 0.5, "encoder": 1.0}, {}, 0.0)
    assert whole["cascade"]["trainer"]["joins"] == {"chunk": 0.5}


def test_conditioned_tasks_of_an_encoder(tmp_path: Path) -> None:
    config = read_config(small_config(tmp_path))
    adapters = {"@cascade_conditionings": "cascade.Bottleneck.v1", "tasks": ["tag", "chunk"]}
    config["components"]["cascade"]["graph"]["encoder"] = {
        "@cascade_encoders": "cascade.Transformer.v1",
        "name": "anything",
        "layers": 2,
        "conditioning": adapters,
    }
    config["components"]["cascade"]["graph"]["tasks"]["tag"]["layer"] = 1
    assert model_from_config(single(config, "tag")).graph.encoder.conditions == ("tag",)
    assert "conditioning" not in single(config, "sents")["components"]["cascade"]["graph"]["encoder"]


def test_regularizers_about_tasks_that_are_gone(tmp_path: Path) -> None:
    config = read_config(small_config(tmp_path))
    own = {
        "taught": {"@cascade_regularizers": "cascade.Distillation.v1", "teachers": {"tag": "a", "chunk": "b"}},
        "other": {"@cascade_regularizers": "cascade.Distillation.v1", "teachers": {"chunk": "b"}},
        "apart": {"@cascade_regularizers": "cascade.Orthogonality.v1"},
        "alike": {
            "@cascade_regularizers": "cascade.SoftSharing.v1",
            "between": ["nodes.tag.recurrent.*", "nodes.adversary.recurrent.*"],
        },
        "near": {"@cascade_regularizers": "cascade.Anchor.v1", "strengths": {"nodes.chunk.*": 0.0}},
        "old": {"@cascade_regularizers": "cascade.Forgetless.v1", "tasks": ["tag", "chunk"]},
    }
    config["cascade"]["trainer"]["regularizers"] = own
    config["components"]["cascade"]["graph"]["tasks"]["adversary"] = {"@cascade_tasks": "cascade.Adversary.v1"}
    kept = single(config, "tag")["cascade"]["trainer"]["regularizers"]
    assert list(kept) == ["taught", "near", "old"]
    assert (kept["taught"]["teachers"], kept["old"]["tasks"], kept["near"]["strengths"]) == ({"tag": "a"}, ["tag"], {})


def test_towers_stay(tmp_path: Path) -> None:
    config = read_config(small_config(tmp_path))
    graph = config["components"]["cascade"]["graph"]
    embedding = graph["encoder"]
    graph["encoder"] = {
        "@cascade_encoders": "cascade.Sluice.v1",
        "towers": ["tag", "chunk"],
        "embedding": embedding,
        "width": 4,
    }
    graph["tasks"]["tag"]["layer"] = {"@cascade_layers": "cascade.Tower.v1", "tower": "tag"}
    encoder = model_from_config(single(config, "tag")).graph.encoder
    assert encoder.towers == ("tag", "chunk")


def test_a_saved_model_has_no_graph_to_cut(tmp_path: Path) -> None:
    config = read_config(small_config(tmp_path))
    config["components"]["cascade"] = {"factory": "cascade", "model": "en_cascade_sm"}
    with pytest.raises(ConfigError, match="needs a config with a graph"):
        single(config, "tag")
