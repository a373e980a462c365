"""The same config for spaCy's own commands."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import spacy
from confection import Config
from spacy.cli.debug_config import debug_config
from spacy.cli.init_config import fill_config
from spacy.cli.train import train

from cascade import storage
from cascade.config import read_config, trainer_from_config
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
