from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from cascade import registry
from cascade.components.factories import DEFAULT_CONFIG
from cascade.config import model_from_config, read_config, shipped
from cascade.errors import ConfigError, GraphError, ModelError
from cascade.graph import TaskGraph
from cascade.registry import graph_to_config
from cascade.tasks import Tagging

NAMED = ["en_cascade_sm", "en_cascade_md", "cascade_ud", "cascade_jmt", "cascade_jmt_md"]


def python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-W", "ignore", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_no_import_is_needed(folder: Path, nlp: Language, tmp_path: Path) -> None:
    nlp.to_disk(tmp_path / "saved")
    script = (
        "import sys, spacy; assert 'cascade' not in sys.modules; "
        "print([t.tag_ != '' for t in spacy.load(sys.argv[1])('Mara')]); "
        "nlp = spacy.blank('en'); nlp.add_pipe('cascade', config={'model': sys.argv[2]}); "
        "print([t.tag_ != '' for t in nlp('Mara')])"
    )
    assert python("-c", script, str(tmp_path / "saved"), str(folder)) == "[True]\n[True]"


@pytest.mark.parametrize("name", ["cascade", *NAMED])
def test_every_factory_makes_a_pipe(name: str, folder: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe(name, config={"model": str(folder)})
    assert nlp("Mara mends old clocks.").has_annotation("TAG")
    assert spacy.blank("en").from_config(nlp.config).pipe_names == [name]


def test_a_graph_makes_a_pipe_to_be_trained(fresh: Language, graph: TaskGraph) -> None:
    pipe: Any = fresh.get_pipe("cascade")
    assert graph_to_config(pipe.module.graph) == graph_to_config(graph)
    assert not pipe.module.initialized
    with pytest.raises(ModelError, match="no weights yet"):
        fresh("text")


def test_the_config_is_filled_with_all_settings(fresh: Language) -> None:
    """A config that is saved says everything, so that a later default changes nothing."""
    settings = fresh.config["components"]["cascade"]
    assert settings["graph"]["tasks"]["chunk"]["decoder"] == "crf"
    assert settings["words"] == DEFAULT_CONFIG["words"]
    assert settings["scorer"] == {"@scorers": "cascade.Scorer.v1"}


def test_what_does_not_fit(graph: TaskGraph, folder: Path) -> None:
    config = graph_to_config(graph)
    with pytest.raises(ConfigError, match="names a model.*and a graph"):
        spacy.blank("en").add_pipe("cascade", config={"model": str(folder), "graph": config})
    with pytest.raises(ConfigError, match="no model nowhere"):
        spacy.blank("en").add_pipe("cascade", config={"model": "nowhere"})
    config["tasks"]["tag"]["layer"] = 9
    with pytest.raises(GraphError, match="task tag reads layer 9"):
        spacy.blank("en").add_pipe("cascade", config={"graph": config})
    with pytest.raises(ValueError, match="nonsense"):
        spacy.blank("en").add_pipe("cascade", config={"model": str(folder), "nonsense": 1})


@pytest.mark.parametrize("name", NAMED)
def test_pipe_analysis_sees_what_a_shipped_graph_assigns(name: str, folder: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe(name, config={"model": str(folder)})
    analysis = nlp.analyze_pipes()
    assert not analysis["problems"][name]
    assert {"token.dep", "token.tag", "doc._.cascade"} <= set(analysis["summary"][name]["assigns"])
    assert "dep_las" in analysis["summary"][name]["scores"]


def test_a_component_that_requires_an_assigned_attribute_is_content(folder: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("cascade_ud", config={"model": str(folder)})
    nlp.add_pipe("test_wants_trees")
    assert not nlp.analyze_pipes()["problems"]["test_wants_trees"]


@Language.component("test_wants_trees", requires=["token.head", "token.lemma", "doc.sents"])
def wants_trees(doc: Any) -> Any:
    return doc


@pytest.mark.parametrize("name", NAMED)
def test_score_weights_sum_to_one(name: str) -> None:
    weights = Language.get_factory_meta(name).default_score_weights
    assert sum(weight for weight in weights.values() if weight) == pytest.approx(1)


ASSIGNS = {
    "Sentences": {"token.is_sent_start", "doc.sents"},
    "TAG": {"token.tag"},
    "POS": {"token.pos"},
    "MORPH": {"token.morph"},
    "Lemmas": {"token.lemma"},
    "Chunking": {"doc.spans"},
    "Entities": {"doc.ents"},
    "Parsing": {"token.head", "token.dep"},
    "Relatedness": {"doc.cats"},
    "Entailment": {"doc.cats"},
}


OWN = [name for name in shipped() if read_config(name)["components"]["cascade"]["factory"] != "cascade"]


@pytest.mark.parametrize("name", OWN)
def test_shipped_factories_are_those_of_their_graphs(name: str, docs: list[Doc]) -> None:
    """What the graph of the shipped config assigns and scores is what the factory says."""
    settings = read_config(name)["components"]["cascade"]
    meta = Language.get_factory_meta(settings["factory"])
    tasks = list(model_from_config(read_config(name)).graph.nodes(data="task"))
    kinds = {getattr(task, "attribute", type(task).__name__) for _, task in tasks}
    assert set(meta.assigns) == {"doc._.cascade"}.union(*(ASSIGNS[kind] for kind in kinds))
    scores = {key for _, task in tasks for key in task.score([Example(doc, doc) for doc in docs])}
    assert set(meta.default_score_weights) == scores
    mains = {task.main_score or next(iter(task.score([Example(doc, doc) for doc in docs]))) for _, task in tasks}
    assert {key for key, weight in meta.default_score_weights.items() if weight} == mains


def test_a_task_of_ones_own_runs_in_a_pipe(graph: TaskGraph, examples: Any) -> None:
    @registry.tasks("test.Mine.v1")
    @dataclass(kw_only=True)
    class Mine(Tagging):
        """My own."""

    own = TaskGraph(encoder=graph.encoder).add(Mine("mine", attribute="POS"))
    nlp = spacy.blank("en")
    nlp.add_pipe("cascade", config={"graph": graph_to_config(own)})
    nlp.initialize(lambda: examples)
    assert nlp("Mara mends old clocks.").has_annotation("POS")
