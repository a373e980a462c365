"""What the tests of the command line share: a hand-made treebank, a model with random weights, and a runner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
import torch
from confection import Config
from typer.testing import CliRunner, Result

from cascade import storage
from cascade.cli.app import app
from cascade.data import read_conllu
from cascade.graph import Hidden, Labels, Segments, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Convolutional
from cascade.registry import graph_to_config
from cascade.tasks import Chunking, Entities, Lemmas, Parsing, Sentences, Tagging

SENTENCES = [
    """\
1	Mara	Mara	PROPN	NNP	Number=Sing	2	nsubj	_	Chunk=B-NP|NE=B-PER
2	mends	mend	VERB	VBZ	Number=Sing	0	root	_	Chunk=B-VP|NE=O
3	old	old	ADJ	JJ	Degree=Pos	4	amod	_	Chunk=B-NP|NE=O
4	clocks	clock	NOUN	NNS	Number=Plur	2	obj	_	Chunk=I-NP|NE=O|SpaceAfter=No
5	.	.	PUNCT	.	_	2	punct	_	Chunk=O|NE=O
""",
    """\
1	They	they	PRON	PRP	Number=Plur	2	nsubj	_	Chunk=B-NP|NE=O
2	tick	tick	VERB	VBP	_	0	root	_	Chunk=B-VP|NE=O
3	in	in	ADP	IN	_	4	case	_	Chunk=B-PP|NE=O
4	Oslo	Oslo	PROPN	NNP	Number=Sing	2	obl	_	Chunk=B-NP|NE=B-LOC|SpaceAfter=No
5	!	!	PUNCT	.	_	2	punct	_	Chunk=O|NE=O
""",
    """\
1	Clocks	clock	NOUN	NNS	Number=Plur	3	nsubj	_	Chunk=B-NP|NE=O
2	never	never	ADV	RB	_	3	advmod	_	Chunk=B-VP|NE=O
3	lie	lie	VERB	VBP	_	0	root	_	Chunk=I-VP|NE=O|SpaceAfter=No
4	.	.	PUNCT	.	_	3	punct	_	Chunk=O|NE=O
""",
]

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def treebank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve sentences, so two Docs, with every kind of annotation that CoNLL-U can hold."""
    path = tmp_path_factory.mktemp("treebank") / "tiny.conllu"
    path.write_text("\n".join(SENTENCES * 4) + "\n", encoding="utf8")
    return path


@pytest.fixture(scope="session")
def graph() -> TaskGraph:
    """All kinds of token tasks over a small encoder."""
    small = {"hidden": 8}
    encoder = Convolutional(width=8, depth=1, words=8, parts=4, characters=8, vocabulary=50, buckets=100)
    cut: dict[str, tuple[Segments]] = {"sents": (Segments(),)}
    labels = {"tag": (Hidden(), Labels(width=4))}
    return (
        TaskGraph(encoder=encoder)
        .add(Sentences("sents", **small))
        .add(Tagging("tag", layer=1, **small))
        .add(Tagging("pos", attribute="POS", layer=1, **small))
        .add(Tagging("morph", attribute="MORPH", layer=1, **small))
        .add(Lemmas("lemma", layer=1, min_freq=1, **small))
        .add(Chunking("chunk", layer=1, **small), after={**cut, **labels})
        .add(Entities("ner", layer=1, **small), after=cut)
        .add(Parsing("parse", layer=1, relations=4, **small), after={**cut, **labels})
    )


@pytest.fixture(scope="session")
def model(graph: TaskGraph, treebank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder, with random weights."""
    torch.manual_seed(0)
    docs = list(read_conllu(treebank, vocab=spacy.blank("en").vocab))
    folder = tmp_path_factory.mktemp("models") / "tiny"
    storage.save(CascadeModel(graph).initialize(docs), folder, scores={"dev": {"tag_acc": 0.5}})
    return folder


@pytest.fixture
def run() -> Run:
    """Runs a command; `code` is the exit code that is expected."""

    def invoke(*arguments: object, code: int = 0, input: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=input)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return invoke


@pytest.fixture(scope="session")
def config(graph: TaskGraph, treebank: Path) -> Path:
    """A config that trains the boundaries and the tags of that graph for two epochs."""
    dev = treebank.with_name("dev.conllu")
    dev.write_text(treebank.read_text(encoding="utf8").replace("Oslo", "Turku"), encoding="utf8")
    settings = {
        "paths": {"train": str(treebank), "dev": str(dev)},
        "nlp": {"lang": "en", "pipeline": ["cascade"]},
        "components": {"cascade": {"factory": "cascade", "graph": graph_to_config(graph.closure(["sents", "tag"]))}},
        "corpora": {
            "train": {"@readers": "cascade.Conllu.v1", "path": "${paths.train}"},
            "dev": {"@readers": "cascade.Conllu.v1", "path": "${paths.dev}"},
        },
        "cascade": {"trainer": {"@cascade_trainers": "cascade.Trainer.v1", "epochs": 2, "cpu": True}},
    }
    path = treebank.parent / "config.cfg"
    Config(settings).to_disk(path)
    return path
