from __future__ import annotations

import json
from pathlib import Path

import pytest

from cascade.diagnostics.probing import Probes, Sightings
from cascade.model import CascadeModel
from cascade.training import Corpus
from tests.training.conftest import make_docs, make_graph, make_trainer


@pytest.fixture
def model() -> CascadeModel:
    return CascadeModel(make_graph()).initialize(make_docs(8))


def test_probes_are_common_where_gold_is(model: CascadeModel) -> None:
    trainer = make_trainer()
    probes = Probes(trainer.corpora, docs=3, seed=1)
    apart = probes.draw(model, 5)
    assert [(step.tasks, len(step.docs)) for step in apart] == [(("tags",), 3), (("sents",), 3)]
    assert [list(map(id, step.docs)) for step in apart] == [list(map(id, s.docs)) for s in probes.draw(model, 5)]
    assert [list(map(id, step.docs)) for step in apart] != [list(map(id, s.docs)) for s in probes.draw(model, 6)]
    both = Corpus(train=make_docs(5))
    assert [step.tasks for step in Probes([both], docs=9, seed=0).draw(model, 1)] == [("tags", "sents")]


def test_sightings_of_a_run_that_went_back(tmp_path: Path) -> None:
    sightings = Sightings(tmp_path / "seen.jsonl")
    for number in (1, 3, 5, 3):
        sightings.add(number, {"value": number})
    assert sightings.rows() == [{"update": 1, "value": 1}, {"update": 3, "value": 3}]
    assert json.loads((tmp_path / "seen.jsonl").read_text().splitlines()[0]) == {"update": 1, "value": 1}


def test_only_what_is_trained_is_probed(model: CascadeModel) -> None:
    both, tagged = Corpus(train=make_docs(5)), Corpus(train=make_docs(5, sentences=False))
    assert [step.tasks for step in Probes([tagged], docs=9, seed=0).draw(model, 1)] == [("tags",)]
    assert [step.tasks for step in Probes([both], docs=9, seed=0, frozen=["tags"]).draw(model, 1)] == [("sents",)]
