"""A small config that trains in a moment, for tests of what trains many times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from confection import Config

from cascade.diagnostics.cells import Cell
from cascade.errors import CascadeError
from cascade.graph import Hidden, Labels, Recurrent, Segments, TaskGraph
from cascade.nn.encoders import Embedding
from cascade.registry import graph_to_config
from cascade.tasks import Chunking, Sentences, Tagging

SENTENCES = """\
1	Mara	Mara	PROPN	NNP	_	2	nsubj	_	Chunk=B-NP
2	mends	mend	VERB	VBZ	_	0	root	_	Chunk=B-VP
3	clocks	clock	NOUN	NNS	_	2	obj	_	Chunk=B-NP

1	Old	old	ADJ	JJ	_	2	amod	_	Chunk=B-NP
2	clocks	clock	NOUN	NNS	_	3	nsubj	_	Chunk=I-NP
3	tick	tick	VERB	VBP	_	0	root	_	Chunk=B-VP

"""


def small_graph() -> TaskGraph:
    """Sentences, tags, and chunks above both."""
    layer = Recurrent(3, dropout=0.2)
    return (
        TaskGraph(encoder=Embedding(words=4, characters=4, vocabulary=20, buckets=20))
        .add(Sentences("sents", layer=layer, hidden=4))
        .add(Tagging("tag", layer=layer, hidden=4))
        .add(
            Chunking("chunk", layer=layer, hidden=4, decoder="softmax"),
            after={"tag": [Hidden(), Labels(width=3)], "sents": [Segments()]},
        )
    )


def small_config(folder: Path) -> Path:
    """A config that trains this graph for two epochs on four Docs."""
    file = folder / "small.conllu"
    file.write_text(SENTENCES * 4, encoding="utf8")
    (folder / "other.conllu").write_text(SENTENCES.replace("Old", "New"), encoding="utf8")
    graph = graph_to_config(small_graph())
    graph["edges"]["chunk"]["tag"] = dict(
        zip(("hidden", "labels"), graph["edges"]["chunk"]["tag"].values(), strict=True)
    )
    reader = {"@readers": "cascade.Conllu.v1", "sentences": 2}
    trainer = {
        "@cascade_trainers": "cascade.Trainer.v1",
        "epochs": 2,
        "cpu": True,
        "average": None,
        "seed": "${system.seed}",
        "rates": {"tag": 0.5, "encoder": 1.0},
        "optimizer": {"@cascade_optimizers": "cascade.Adam.v1", "rate": 0.05},
        "schedule": {
            "@cascade_schedules": "cascade.Joint.v1",
            "batches": {"@cascade_batches": "cascade.Batches.v1", "docs": 2},
        },
    }
    settings = {
        "paths": {"train": str(file), "dev": str(file)},
        "system": {"seed": 0},
        "nlp": {"lang": "en", "pipeline": ["cascade"]},
        "components": {"cascade": {"factory": "cascade", "graph": graph}},
        "corpora": {
            "train": {**reader, "path": "${paths.train}"},
            "dev": {**reader, "path": "${paths.dev}"},
        },
        "cascade": {"trainer": trainer},
    }
    Config(settings).to_disk(folder / "config.cfg")
    return folder / "config.cfg"


def work_here(
    folders: Sequence[Path], jobs: int, ended: Callable[[Path, str | None], None] = lambda path, failure: None
) -> dict[Path, str]:
    """In the place of `run_all`: the work of the cells, one after another in this process."""
    failures = {}
    for folder in folders:
        try:
            Cell(folder).work()
        except CascadeError as error:
            failures[folder] = str(error)
        ended(folder, failures.get(folder))
    return failures
