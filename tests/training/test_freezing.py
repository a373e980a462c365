from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from spacy.tokens import Doc

from cascade import storage
from cascade.errors import TrainingError
from cascade.graph import Hidden, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Recurrent as RecurrentEncoder
from cascade.nn.encoders.embedding import Embedding, WordEmbedding
from cascade.nn.lstm import BiLSTM
from cascade.nn.recalibration import Recalibration
from cascade.tasks import Sentences, Tagging
from cascade.training import Corpus, Trainer, optimizers, regularizers, schedules
from cascade.training.freezing import Frozen, frozen_tasks
from cascade.training.sampling import GapDriven
from cascade.training.updates import Updates

MakeDocs = Callable[..., list[Doc]]


def deep_graph() -> TaskGraph:
    """Tags on the first of two layers, boundaries above them, and chunks beside them on the second."""
    embedding = Embedding(words=6, characters=6, vocabulary=20, buckets=40)
    graph = TaskGraph(encoder=RecurrentEncoder(width=6, depth=2, dropout=0.3, embedding=embedding))
    graph.add(Tagging("tags", layer=1, hidden=6, dropout=0.3))
    graph.add(Sentences("sents", layer=1, hidden=6, dropout=0.3), after={"tags": [Hidden()]})
    return graph.add(Tagging("more", layer=2, hidden=6, dropout=0.3), after={"tags": [Hidden()]})


@pytest.fixture
def deep(docs: MakeDocs) -> CascadeModel:
    return CascadeModel(deep_graph()).initialize(docs(10))


def trainer(model: CascadeModel, docs: MakeDocs, **settings: Any) -> Trainer:
    settings = {"corpora": [Corpus(train=docs(12), dev=docs(4, seed=1))], **settings}
    defaults = {"optimizer": optimizers.Adam(rate=0.03, weight_decay=0.1), "epochs": 2, "average": 0.9, "cpu": True}
    own = {"schedule": schedules.Joint(), "console": Console(quiet=True), "frozen": ["sents"]}
    return Trainer(model, **{**defaults, **own, **settings})


def weights(model: CascadeModel) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("average", [0.9, None])
def test_what_is_frozen_is_bit_identical_and_the_rest_is_not(
    deep: CascadeModel, docs: MakeDocs, tmp_path: Path, average: float | None
) -> None:
    """With dropout, word dropout, weight decay, averaging, and a penalty on all weights."""
    texts, before = docs(5, seed=9), weights(deep)
    outputs = deep.predict(texts, tasks=["tags", "sents"])
    penalty = regularizers.L2(strengths={"*": 1e-2})
    trainer(deep, docs, average=average, regularizers=[penalty], evaluate_steps=1).fit(tmp_path)
    changed = {name for name, tensor in deep.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed and all(name.startswith(("nodes.more.", "encoder.layers.1.")) for name in changed)
    assert any(name.startswith("encoder.") for name in changed)
    for old, new in zip(outputs, storage.load(tmp_path / "best").predict(texts, tasks=["tags", "sents"]), strict=True):
        assert all((old[task][key] == new[task][key]).all() for task in old for key in old[task])
    assert all(p.requires_grad for p in deep.parameters())


def test_the_calibration_of_what_is_trained_is_forgotten(deep: CascadeModel, docs: MakeDocs, tmp_path: Path) -> None:
    """A threshold goes back to where it was before: odds of 1 : 2 at a temperature of 2 are 1 : 4."""
    deep.calibration = {name: Recalibration(temperature=2.0) for name in ("tags", "sents", "more")}
    deep.task("sents").threshold = 1 / 3
    trainer(deep, docs, epochs=1, frozen=["tags"]).fit(tmp_path)
    for model in (deep, storage.load(tmp_path / "best")):
        assert model.calibration == {"tags": Recalibration(temperature=2.0)}
        assert model.task("sents").threshold == pytest.approx(0.2)


def test_what_is_frozen_runs_in_evaluation_mode(deep: CascadeModel, docs: MakeDocs, tmp_path: Path) -> None:
    """Also after an evaluation, which puts the whole model into training mode again."""
    seen: set[tuple[str, bool]] = set()
    named = {"words": deep.encoder.embedding, "first": deep.encoder.layers[0], "second": deep.encoder.layers[1]}
    named |= {name: deep.node(name).decoder for name in deep.graph.order()}

    def watch(name: str) -> Callable[..., None]:
        def hook(module: torch.nn.Module, *_: Any) -> None:
            if torch.is_grad_enabled():
                seen.add((name, module.training))

        return hook

    for name, module in named.items():
        module.register_forward_hook(watch(name))
    trainer(deep, docs, average=None, evaluate_steps=1).fit(tmp_path)
    assert seen == {("words", False), ("first", False), ("second", True), ("tags", False), ("more", True)}
    assert isinstance(named["words"], WordEmbedding) and isinstance(named["second"], BiLSTM)


def test_its_tasks_get_no_loss(deep: CascadeModel, docs: MakeDocs, tmp_path: Path) -> None:
    seen: set[str] = set()
    made = trainer(deep, docs, schedule=schedules.Successive())
    with pytest.MonkeyPatch.context() as patched:
        count = Updates._count
        patched.setattr(Updates, "_count", lambda self, losses, n: seen.update(losses) or count(self, losses, n))
        made.fit(tmp_path)
    assert seen == {"more"}


@pytest.mark.parametrize("broken", ["nodes.tags.decoder.output.bias", "encoder.embedding.vocabulary.counts"])
def test_a_broken_freeze_is_caught(deep: CascadeModel, docs: MakeDocs, tmp_path: Path, broken: str) -> None:
    """The smallest change of a weight in every update; of a buffer too, whatever that does to outputs."""
    take = Updates.take

    def leaking(self: Updates, *arguments: Any, **named: Any) -> None:
        take(self, *arguments, **named)
        tensor = self.model.state_dict()[broken]
        tensor.copy_(torch.nextafter(tensor, tensor + 1))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Updates, "take", leaking)
        with pytest.raises(TrainingError, match=f"not what it was before training: .*{broken}"):
            trainer(deep, docs, average=None).fit(tmp_path)


def test_outputs_are_compared_too(deep: CascadeModel, docs: MakeDocs) -> None:
    frozen = Frozen(deep, ["tags"], [Corpus(train=docs(3))])
    frozen.verify()
    deep.node("tags").decoder.output.register_forward_hook(lambda module, inputs, output: output + 1e-6)
    with pytest.raises(TrainingError, match="the output of tags"):
        frozen.verify()


def test_an_encoder_that_is_frozen_as_a_whole(deep: CascadeModel, docs: MakeDocs) -> None:
    frozen = Frozen(deep, ["more"], [Corpus(train=docs(3))])
    assert frozen.tasks == ["tags", "more"]
    assert not any(p.requires_grad for p in deep.encoder.parameters())
    deep.train()
    frozen.hold()
    assert not any(module.training for module in deep.encoder.modules())
    assert all(module.training for module in deep.node("sents").modules())


def test_resumed_it_goes_on_only_from_the_same_weights(deep: CascadeModel, docs: MakeDocs, tmp_path: Path) -> None:
    before = weights(deep)
    trainer(deep, docs).fit(tmp_path)
    best = weights(deep)
    deep.load_state_dict(before)
    trainer(deep, docs).fit(tmp_path, resume=True)
    assert all(torch.equal(tensor, best[name]) for name, tensor in deep.state_dict().items())
    with torch.no_grad():
        deep.node("tags").decoder.output.bias += 1
    with pytest.raises(TrainingError, match="frozen weights: was"):
        trainer(deep, docs).fit(tmp_path, resume=True)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"frozen": ["ner"]}, "frozen= names ner, but the graph has tags, sents, more"),
        ({"frozen": ["sents", "more"]}, "frozen= leaves nothing to train: tags, sents, more are all tasks"),
        ({"rates": {"tags": 0.1}}, "rates= names tags, and frozen= has tags, sents: take it out of one of them"),
        ({"schedule": schedules.Mixed(ratio={"tags": 1, "more": 1})}, "ratio= names tags, .* and frozen= has tags"),
    ],
)
def test_settings_that_train_what_is_frozen(
    deep: CascadeModel, docs: MakeDocs, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        trainer(deep, docs, **wrong)


def test_corpora_with_gold_for_what_is_frozen_alone(deep: CascadeModel, docs: MakeDocs, tmp_path: Path) -> None:
    corpora = [Corpus(train=docs(3)), Corpus(train=docs(3, tags=False), name="split")]
    with pytest.raises(TrainingError, match=r"'split': none of its 3 .* trained \(more; tags, sents are frozen\)"):
        trainer(deep, docs, corpora=corpora).fit(tmp_path)


def test_a_model_that_has_learned_nothing_cannot_be_frozen(docs: MakeDocs, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="for a model that has been trained"):
        trainer(CascadeModel(deep_graph()), docs).fit(tmp_path)


def test_ancestors_are_frozen_too(graph: Any) -> None:
    model = CascadeModel(graph())
    assert frozen_tasks(model, ["sents"]) == ["tags", "sents"] and frozen_tasks(model, []) == []


def test_a_training_that_cannot_begin_leaves_nothing_frozen(deep: CascadeModel, docs: MakeDocs, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="between 0 and 1"):
        trainer(deep, docs, regularizers=[regularizers.Consistency(share=2.0)]).fit(tmp_path)
    assert all(parameter.requires_grad for parameter in deep.parameters())


def test_goals_are_asked_only_of_what_is_trained(deep: CascadeModel, docs: MakeDocs, tmp_path: Path) -> None:
    schedule = schedules.Sampled(sampling=GapDriven(goals={"more": 0.9}))
    trainer(deep, docs, schedule=schedule).fit(tmp_path)
    with pytest.raises(TrainingError, match="goals= names tags, .* and frozen= has tags, sents: take it out"):
        schedule = schedules.Sampled(sampling=GapDriven(goals={"more": 0.9, "tags": 0.9}))
        trainer(deep, docs, schedule=schedule)
