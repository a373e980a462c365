from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from cascade import storage
from cascade.errors import TrainingError
from cascade.graph import Recurrent, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.nn.recalibration import Recalibration
from cascade.registry import from_config, to_config
from cascade.tasks import LanguageModeling, Tagging
from cascade.training.regularizers import Forgetless
from cascade.training.schedules import Step
from tests.training.regularizers.diamonds import shift


def test_what_the_old_model_said_counts_whatever_the_step_trains(model: CascadeModel, docs, tmp_path: Path) -> None:
    texts = docs(2)
    storage.save(model, tmp_path / "old")
    own, loaded = Forgetless(tasks=["tags"], strength=0.5), Forgetless(teacher=tmp_path / "old", strength=0.5)
    for regularizer in (own, loaded):
        regularizer.begin(model, sweeps=False)
    batch = model.eval().batch(texts)
    with torch.no_grad():
        old = model(batch, ["tags"])["tags"].scores["logits"]
        shift(model, 0.2)
        outputs = model(batch, ["tags"])
        new = outputs["tags"].scores["logits"]
        found = [float(r.penalty(Step(texts, ("sents",)), batch, outputs)) for r in (own, loaded)]
    taught, learned = ((each / 2).log_softmax(-1) for each in (old, new))
    expected = 0.5 * 4 * float(functional.kl_div(learned, taught, log_target=True, reduction="batchmean"))
    assert found == pytest.approx([expected, expected], rel=1e-3)
    assert list(own.reads(Step(texts, ()))) == ["tags"] and list(loaded.reads(Step(texts, ()))) == ["tags", "sents"]


def test_the_old_model_says_it_without_calibration(model: CascadeModel, docs, tmp_path: Path) -> None:
    model.calibration["tags"] = Recalibration(temperature=5.0)
    storage.save(model, tmp_path / "old")
    texts = docs(2)
    for teacher in (None, tmp_path / "old"):
        regularizer = Forgetless(tasks=["tags"], teacher=teacher)
        regularizer.begin(model, sweeps=False)
        for module in model.train().modules():  # as in training, but without dropout
            module.training = module is model
        batch = model.batch(texts)
        penalty = regularizer.penalty(Step(texts, ()), batch, model(batch, ["tags"]))
        assert penalty.item() == pytest.approx(0, abs=1e-6)
    assert model.calibration


def test_the_old_model_survives_a_checkpoint_unless_it_stands_in_a_folder(model: CascadeModel, tmp_path: Path) -> None:
    storage.save(model, tmp_path / "old")
    own, loaded, resumed = Forgetless(), Forgetless(teacher=str(tmp_path / "old")), Forgetless()
    for regularizer in (own, loaded):
        regularizer.begin(model, sweeps=False)
    shift(model, 1.0)
    resumed.begin(model, sweeps=False)
    resumed.load_state_dict(own.state_dict())
    for name, tensor in own.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name])
    assert not torch.equal(own.state_dict()["nodes.tags.decoder.output.bias"], model.nodes["tags"].decoder.output.bias)
    assert loaded.state_dict() == {}


def test_bad_input(model: CascadeModel) -> None:
    with pytest.raises(TrainingError, match=r"temperature= has to be above 0, got -1\.0"):
        Forgetless(temperature=-1.0)
    with pytest.raises(TrainingError, match="the old model is to teach 'ner', but the graph has tags, sents"):
        Forgetless(tasks=["ner"]).begin(model, sweeps=False)


def test_config() -> None:
    regularizer = Forgetless(tasks=("tags",), teacher="runs/old/best", strength=0.1, temperature=1.0)
    assert from_config(to_config(regularizer)) == regularizer


def test_a_language_model_is_no_old_task(docs) -> None:
    graph = TaskGraph(encoder=Embedding(words=6, characters=6, vocabulary=20, buckets=40)).add(Tagging("tags"))
    made = CascadeModel(graph.add(LanguageModeling("lm", layer=Recurrent(4)))).initialize(docs(5)).eval()
    regularizer, some = Forgetless(), docs(3)
    regularizer.begin(made, sweeps=False)
    step = Step(some, ("tags", "lm"))
    assert regularizer.reads(step) == ["tags"]
    assert regularizer.penalty(step, made.batch(some), made(made.batch(some), ["tags", "lm"])).item() == pytest.approx(
        0, abs=1e-6
    )
