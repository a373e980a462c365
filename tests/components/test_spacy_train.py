"""The same config for spaCy's own commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import spacy
from confection import Config
from spacy.cli.debug_config import debug_config
from spacy.cli.init_config import fill_config
from spacy.cli.train import train
from spacy.tokens import DocBin

from cascade import storage
from cascade.config import read_config, trainer_from_config
from cascade.data import read_conllu
from cascade.graph import TaskGraph
from cascade.registry import graph_to_config

SENTENCE = """\
1	Mara	Mara	PROPN	NNP	_	2	nsubj	_	Chunk=B-NP
2	mends	mend	VERB	VBZ	_	0	root	_	Chunk=B-VP
3	clocks	clock	NOUN	NNS	_	2	obj	_	Chunk=B-NP|SpaceAfter=No
4	.	.	PUNCT	.	_	2	punct	_	Chunk=O

"""


@pytest.fixture
def file(graph: TaskGraph, tmp_path: Path) -> Path:
    """A config for both trainers."""
    (tmp_path / "t.conllu").write_text(SENTENCE * 20)
    part = {"@readers": "cascade.Conllu.v1", "path": "${paths.train}"}
    config = {
        "paths": {"train": None},
        "nlp": {"lang": "en", "pipeline": ["cascade"]},
        "components": {"cascade": {"factory": "cascade", "graph": graph_to_config(graph)}},
        "corpora": {
            "train": {
                "@readers": "cascade.Corpora.v1",
                "parts": {"a": {**part, "end": 0.5}, "b": {**part, "begin": 0.5}},
            },
            "dev": {"@readers": "cascade.Corpora.v1", "parts": {"a": part}},
        },
        "training": {
            "seed": 1,
            "gpu_allocator": None,
            "max_steps": 30,
            "eval_frequency": 15,
            "optimizer": {"@optimizers": "Adam.v1", "learn_rate": 0.02, "use_averages": True},
            "before_update": {"@callbacks": "cascade.Epoch.v1"},
            "score_weights": {"tag_acc": 0.4, "dep_las": 0.4, "sents_f": 0.1, "chunk_f": 0.1},
        },
        "cascade": {"trainer": {"@cascade_trainers": "cascade.Trainer.v1", "epochs": 2}},
    }
    Config(config).to_disk(tmp_path / "config.cfg", interpolate=False)
    return tmp_path / "config.cfg"


@pytest.fixture
def overrides(file: Path) -> dict[str, Any]:
    return {"paths.train": str(file.parent / "t.conllu")}


@pytest.mark.filterwarnings("default")
def test_spacy_trains_what_cascade_trains(file: Path, overrides: dict[str, Any], tmp_path: Path) -> None:
    train(file, tmp_path / "out", overrides=overrides)
    file.unlink()
    nlp = spacy.load(tmp_path / "out" / "model-best")
    doc = nlp("Mara mends clocks. Mara mends clocks.")
    assert [token.tag_ for token in doc][:4] == ["NNP", "VBZ", "NNS", "."]
    assert [token.head.i for token in doc][:4] == [1, 1, 1, 1]
    performance = nlp.meta["performance"]
    assert performance["dep_las"] > 0.9
    assert performance["tag_acc"] == 1.0
    assert nlp.get_pipe("cascade").module.epoch == 0  # type: ignore[attr-defined]
    assert storage.load(tmp_path / "out" / "model-best" / "cascade").labels["chunk"]
    assert nlp.config["cascade"]["trainer"]["epochs"] == 2, "the saved config is whole"


@pytest.mark.filterwarnings("default")
def test_a_trained_pipeline_is_sourced_and_frozen(file: Path, overrides: dict[str, Any], tmp_path: Path) -> None:
    train(file, tmp_path / "first", overrides={**overrides, "training.max_steps": 2})
    best = tmp_path / "first" / "model-last"
    config = Config().from_disk(file, interpolate=False)
    config["components"] = {"cascade": {"source": str(best)}, "textcat": {"factory": "textcat"}}
    config["nlp"]["pipeline"] = ["cascade"]
    config["training"] |= {"max_steps": 2, "eval_frequency": 1}
    config.to_disk(tmp_path / "second.cfg", interpolate=False)
    frozen = {**overrides, "training.frozen_components": []}
    train(tmp_path / "second.cfg", tmp_path / "second", overrides={**overrides, "training.max_steps": 2} | frozen)
    before, after = (storage.load(path / "cascade") for path in (best, tmp_path / "second" / "model-last"))
    assert before.labels == after.labels
    shutil.rmtree(best)
    assert spacy.load(tmp_path / "second" / "model-last")("Mara mends.").has_annotation("TAG")


def test_spacy_fills_and_checks_the_config(file: Path, overrides: dict[str, Any], tmp_path: Path) -> None:
    filled = fill_config(tmp_path / "filled.cfg", file)[1]
    assert filled["cascade"]["trainer"]["schedule"]["@cascade_schedules"] == "cascade.Joint.v1"
    assert filled["components"]["cascade"]["graph"]["tasks"]["tag"]["smoothing"] == 0.0
    debug_config(tmp_path / "filled.cfg", overrides=overrides)
    trainer = trainer_from_config(read_config(tmp_path / "filled.cfg", overrides))
    assert trainer.epochs == 2
    assert [corpus.name for corpus in trainer.corpora] == ["a", "b"]


# -- every step by spaCy's commands, each in a process of its own

PATTERN = """\
1	{who}	{who}	PROPN	NNP	_	2	nsubj	_	Chunk=B-NP
2	{does}s	{does}	VERB	VBZ	_	0	root	_	Chunk=B-VP
3	{how}	{how}	ADJ	JJ	_	4	amod	_	Chunk=B-NP
4	{what}s	{what}	NOUN	NNS	_	2	obj	_	Chunk=I-NP|SpaceAfter=No
5	.	.	PUNCT	.	_	2	punct	_	Chunk=O

"""
NAMES, VERBS, KINDS, THINGS = (
    ("Mara", "Odd", "Kaya"),
    ("mend", "paint", "sell"),
    ("old", "tall", "red"),
    ("clock", "ship"),
)
TEXT = "Kaya mends tall ships. Odd paints old clocks."
SHOW = """
import json, sys
import spacy
import en_clocks
nlp = spacy.load("en_clocks")
assert type(en_clocks.load()) is type(nlp)
print(json.dumps(nlp(sys.argv[1]).to_json()))
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Every sentence that the words make, four times; as CoNLL-U, and two to a Doc for `spacy evaluate`."""
    keys = ("who", "does", "how", "what")
    sentences = [
        PATTERN.format(**dict(zip(keys, words, strict=True))) for words in product(NAMES, VERBS, KINDS, THINGS)
    ]
    (tmp_path / "clocks.conllu").write_text("".join([*sentences, *reversed(sentences)] * 2))
    docs = read_conllu(tmp_path / "clocks.conllu", vocab=spacy.blank("en").vocab, sentences=2)
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "clocks.spacy")
    return tmp_path / "clocks.conllu"


def run(*arguments: object, path: Path | None = None) -> str:
    """What Python prints; `path` is where it finds packages besides its own."""
    more = {} if path is None else {"PYTHONPATH": str(path)}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, **more}, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def spacy_cli(*arguments: object) -> str:
    return run("-m", "spacy", *arguments)


def test_from_a_config_to_an_installed_package(file: Path, corpus: Path, tmp_path: Path) -> None:
    paths = ("--paths.train", corpus)
    config = Config().from_disk(file, interpolate=False)
    config["training"] |= {"max_steps": 40, "eval_frequency": 20}
    for part in (*config["corpora"]["train"]["parts"].values(), *config["corpora"]["dev"]["parts"].values()):
        part["sentences"] = 2
    config.to_disk(file, interpolate=False)

    spacy_cli("init", "fill-config", file, tmp_path / "filled.cfg")
    assert "Config is valid" in spacy_cli("debug", "config", tmp_path / "filled.cfg", *paths)
    assert "Pipeline can be initialized with data" in spacy_cli("debug", "data", tmp_path / "filled.cfg", *paths)
    spacy_cli("train", tmp_path / "filled.cfg", "--output", tmp_path / "out", *paths)
    best = tmp_path / "out" / "model-best"
    spacy_cli("evaluate", best, tmp_path / "clocks.spacy", "--output", tmp_path / "scores.json")
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert min(scores[key] for key in ("tag_acc", "dep_las", "chunk_f", "sents_f")) > 0.95

    spacy_cli("package", best, tmp_path, "--name", "clocks", "--version", "1.2.3", "--build", "none")
    offline = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--use-pep517")
    run("-m", "pip", "install", *offline, "--target", tmp_path / "site", tmp_path / "en_clocks-1.2.3")
    found = json.loads(run("-c", SHOW, TEXT, path=tmp_path / "site"))
    assert found == spacy.load(best)(TEXT).to_json()
    assert [token["tag"] for token in found["tokens"]] == ["NNP", "VBZ", "JJ", "NNS", "."] * 2
    assert [span["label"] for span in found["spans"]["chunks"]] == ["NP", "VP", "NP"] * 2
