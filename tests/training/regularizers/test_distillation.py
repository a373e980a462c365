from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cascade import storage
from cascade.errors import ModelError, TrainingError
from cascade.model import CascadeModel
from cascade.registry import from_config, to_config
from cascade.training.regularizers import Distillation
from cascade.training.schedules import Step


@pytest.fixture
def teachers(model: CascadeModel, docs, tmp_path: Path) -> dict[str, str]:
    """A teacher of each task, alone with what it needs."""
    for task in model.graph.order():
        storage.save(CascadeModel(model.graph.closure([task])).initialize(docs(10)), tmp_path / task)
    return {task: str(tmp_path / task) for task in model.graph.order()}


def penalty(regularizer: Distillation, model: CascadeModel, docs: list, *tasks: str) -> float:
    batch = model.batch(docs)
    with torch.no_grad():
        return float(regularizer.penalty(Step(docs, tasks), batch, model.eval()(batch, model.graph.order())))


def test_every_task_of_the_step_has_its_teacher(model: CascadeModel, docs, teachers: dict[str, str]) -> None:
    texts = docs(3)
    regularizer = Distillation(teachers=teachers, strength=0.5)
    regularizer.begin(model, sweeps=False)
    both, tags, sents = (penalty(regularizer, model, texts, *t) for t in (("tags", "sents"), ("tags",), ("sents",)))
    assert both == pytest.approx(tags + sents) and min(tags, sents) > 0
    assert penalty(regularizer, model, texts) == 0.0
    assert regularizer.state_dict() == {}
    twice = Distillation(teachers=teachers, strength=1.0)
    twice.begin(model, sweeps=False)
    assert penalty(twice, model, texts, "tags") == pytest.approx(2 * tags)


def test_a_teacher_of_several_tasks_is_loaded_once(
    model: CascadeModel, teachers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load, loaded = storage.load, []
    monkeypatch.setattr(storage, "load", lambda folder: loaded.append(folder) or load(folder))
    Distillation(teachers=dict.fromkeys(("tags", "sents"), teachers["sents"])).begin(model, sweeps=False)
    assert loaded == [teachers["sents"]]


def test_the_teacher_is_annealed(model: CascadeModel, docs, teachers: dict[str, str]) -> None:
    regularizer, texts, found = Distillation(teachers=teachers, epochs=4), docs(2), []
    regularizer.begin(model, sweeps=False)
    for model.epoch in range(6):
        found.append(penalty(regularizer, model, texts, "tags"))
    assert found == pytest.approx([found[0] * share for share in (1, 0.75, 0.5, 0.25, 0, 0)])


def test_bad_input(model: CascadeModel, teachers: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no teacher"):
        Distillation(teachers={})
    with pytest.raises(TrainingError, match=r"temperature= has to be above 0 and epochs= 1 or more, got 0\.0 and None"):
        Distillation(teachers=teachers, temperature=0.0)
    with pytest.raises(ModelError, match="holds no model"):
        Distillation(teachers={"tags": tmp_path / "none"}).begin(model, sweeps=False)
    with pytest.raises(TrainingError, match="is to teach 'sents', but .*tags has tags"):
        Distillation(teachers={"sents": teachers["tags"]}).begin(model, sweeps=False)


def test_config(teachers: dict[str, str]) -> None:
    regularizer = Distillation(teachers=teachers, strength=0.5, temperature=3.0, epochs=2)
    assert from_config(to_config(regularizer)) == regularizer
