from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import spacy

from cascade import diagnostics, storage
from cascade.data import read_conllu
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.tasks import Tagging
from tests.cli.answering import make_place


@pytest.fixture(scope="module")
def other(treebank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another file with the same annotation."""
    path = tmp_path_factory.mktemp("other") / "other.conllu"
    path.write_text("\n\n".join(treebank.read_text(encoding="utf8").split("\n\n")[1:4]) + "\n\n", encoding="utf8")
    return path


def test_edges(run, model: Path, treebank: Path) -> None:
    report = json.loads(run("report", "edges", model, treebank, "--json").stdout)
    assert (report["model"], report["files"], report["docs"]) == (str(model), [str(treebank)], 2)
    pairs = [(own["upstream"], own["downstream"], own["kind"]) for own in report["edges"]]
    assert len(pairs) == 7 and {("tag", "chunk", "Hidden"), ("tag", "parse", "Labels")} <= {*pairs}
    assert ("sents", "ner", "Segments") in pairs
    for own in report["edges"]:
        assert own.keys() >= {"gradient_norm", "perturbation", "alive", "score", "ablated", "metric", "edge"}
    (found,) = (own for own in report["edges"] if (own["downstream"], own["kind"]) == ("chunk", "Labels"))
    assert found["alive"] is True and found["gradient_norm"] > 0 and found["metric"] == "chunk_f"
    shown = run("report", "edges", model, treebank).stdout
    assert "none due" in shown and "Labels(width=4)" in shown and "2 documents" in shown


def test_a_dead_edge_is_shown(run, model: Path, treebank: Path, tmp_path: Path) -> None:
    broken = storage.load(model)
    carrier = next(own for own in broken.node("chunk").early.carriers if own.embedding is not None)
    carrier.embedding.embeddings.data.zero_()
    storage.save(broken, tmp_path / "broken")
    report = json.loads(run("report", "edges", tmp_path / "broken", treebank, "--json").stdout)
    dead = [(own["downstream"], own["kind"]) for own in report["edges"] if own["alive"] is False]
    assert ("chunk", "Labels") in dead and ("chunk", "Hidden") not in dead
    assert "DEAD" in run("report", "edges", tmp_path / "broken", treebank).stdout


def test_a_graph_without_edges(run, treebank: Path, tmp_path: Path) -> None:
    docs = list(read_conllu(treebank, vocab=spacy.blank("en").vocab))
    graph = TaskGraph(encoder=Embedding(words=4, characters=4, vocabulary=9, buckets=9)).add(Tagging("tag", hidden=4))
    storage.save(CascadeModel(graph).initialize(docs), tmp_path / "alone")
    assert "a graph with edges, got tag" in run("report", "edges", tmp_path / "alone", treebank, code=1).stderr


def test_propagation(run, model: Path, treebank: Path) -> None:
    command = ("report", "propagation", model, treebank, "--share", "0.5", "--share", "1")
    report = json.loads(run(*command, "--json").stdout)
    found = {(own["upstream"], own["downstream"]): own for own in report["propagation"]}
    assert found.keys() >= {("sents", "parse"), ("tag", "chunk"), (None, "parse")}
    assert found["tag", "parse"]["corrupted"].keys() == {"0.5", "1.0"}
    shown = run(*command).stdout
    assert "50 % wrong" in shown and "100 % wrong" in shown and "cost of errors" in shown


def test_calibration(run, model: Path, treebank: Path, other: Path) -> None:
    report = json.loads(run("report", "calibration", model, treebank, "--fit", other, "--json").stdout)
    found = {own["task"]: own for own in report["tasks"]}
    assert found.keys() >= {"sents", "tag", "pos", "morph", "lemma", "parse", "parse heads"}
    tag = found["tag"]
    assert tag["temperature"] > 0 and tag["rows"] == 56
    assert len(tag["before"]["diagram"]["counts"]) == 15 and None in tag["before"]["diagram"]["accuracy"]
    assert all(math.isfinite(tag["after"][key]) for key in ("ece", "adaptive_ece", "classwise_ece", "brier", "nll"))
    shown = run("report", "calibration", model, treebank).stdout
    assert "parse heads" in shown and "adaptive ece" in shown and "T = " not in shown
    assert "T = " in run("report", "calibration", model, treebank, "--fit", other).stdout


def test_fitting_on_what_is_measured(run, model: Path, treebank: Path) -> None:
    said = run("report", "calibration", model, treebank, "--fit", treebank, code=1).stderr
    assert f"--fit {treebank}" in said


def test_shift(run, model: Path, treebank: Path, other: Path) -> None:
    command = ("report", "shift", model, "--inside", treebank, "--outside", other, "--resamples", "5")
    report = json.loads(run(*command, "--json").stdout)
    assert report["docs"] == [2, 1]
    (tag,) = (own for own in report["tasks"] if own["task"] == "tag")
    assert tag["inside"]["score"].keys() == {"value", "low", "high"} and tag["difference"].keys() >= {"score", "ece"}
    shown = run(*command).stdout
    assert "tag_acc" in shown and "brier" in shown and "2 / 1" in shown


@pytest.mark.parametrize("name", ["edges", "propagation", "calibration"])
def test_questions(run, name: str, tmp_path: Path) -> None:
    place = make_place(tmp_path)
    command = ("report", name, place.model, place.questions, "--reader", "squad", "--negatives", "1", "--limit", "6")
    report = json.loads(run(*command, "--json").stdout)
    assert report["docs"] == 6
    named = {own.get("downstream", own.get("task")) for own in report.get(name, report.get("tasks", ()))}
    assert named == ({"retrieve"} if name == "calibration" else {"read", "rerank"})


@pytest.mark.parametrize("name", ["edges", "propagation", "calibration"])
def test_pictures(run, name: str, model: Path, treebank: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run("report", name, model, treebank, "--limit", "1", "--plot", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (
        "there is no folder" in run("report", name, model, treebank, "--plot", tmp_path / "b" / "a.png", code=1).stderr
    )


@pytest.mark.parametrize("name", ["edges", "propagation", "calibration"])
def test_bad_input(run, name: str, model: Path, treebank: Path, tmp_path: Path) -> None:
    assert "no model" in run("report", name, tmp_path / "nix", treebank, code=1).stderr
    assert "--reader" in run("report", name, model, tmp_path / "a.txt", code=1).stderr
    assert "nix.conllu" in run("report", name, model, tmp_path / "nix.conllu", code=1).stderr
    bare = tmp_path / "bare.conllu"
    bare.write_text("1\tx\t_\t_\t_\t_\t_\t_\t_\t_\n\n", encoding="utf8")
    assert "expected gold for" in run("report", name, model, bare, code=1).stderr
    run("report", name, model, code=2)
    run("report", name, model, treebank, "--limit", "0", code=2)


def test_the_api_gives_what_the_command_prints(run, model: Path, treebank: Path) -> None:
    docs = list(read_conllu(treebank, vocab=spacy.blank("en").vocab, sentences=10))
    expected = diagnostics.edges(storage.load(model), docs)
    report = json.loads(run("report", "edges", model, treebank, "--json").stdout)
    assert [own["perturbation"] for own in report["edges"]] == pytest.approx([own.perturbation for own in expected])


def test_pipelines_with_no_cascade_or_several(run, model: Path, treebank: Path, tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path / "none")
    assert "one cascade, got 0" in run("report", "edges", tmp_path / "none", treebank, code=1).stderr
    nlp = spacy.blank("en")
    for name in ("one", "two"):
        nlp.add_pipe("cascade", name=name, config={"model": str(model)})
    nlp.to_disk(tmp_path / "both")
    assert "one cascade, got 2" in run("report", "edges", tmp_path / "both", treebank, code=1).stderr
    nlp.remove_pipe("two")
    nlp.to_disk(tmp_path / "one")
    run("report", "edges", tmp_path / "one", treebank, "--limit", "1")
