from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cascade.errors import TrainingError
from cascade.graph import Mix, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding, Recurrent
from cascade.tasks import Sentences, Tagging
from cascade.training import Corpus, Trainer, Unfreezing
from cascade.training.optimizers import SGD, Adam
from cascade.training.schedules import Step

Make = Callable[..., Any]


def make(docs: Make, *, top: int = 2, depth: int = 2) -> CascadeModel:
    """Two tasks over layers 0 to `depth`, of which they read 1 and `top`."""
    embedding = Embedding(words=4, characters=4, vocabulary=20, buckets=40)
    graph = TaskGraph(encoder=Recurrent(embedding=embedding, width=3, depth=depth, dropout=0.1))
    graph.add(Tagging("tags", layer=1)).add(Sentences("sents", layer=top))
    torch.manual_seed(0)
    return CascadeModel(graph).initialize(docs(10))


def copy(model: CascadeModel) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def moved(model: CascadeModel, before: dict[str, Tensor]) -> set[str]:
    """The parts of the model that have changed: the nodes, and layers of the encoder."""
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    encoder = {f"layer {model.encoder.layer_of(n.removeprefix('encoder.'))}" for n in changed if n.startswith("enc")}
    return encoder | {name.split(".")[1] for name in changed if name.startswith("nodes.")}


@pytest.mark.parametrize(
    ("epochs", "each", "expected"),
    [
        (1, 1, set()),
        (2, 1, {"layer 2"}),
        (3, 1, {"layer 2", "layer 1"}),
        (4, 1, {"layer 2", "layer 1", "layer 0"}),
        (2, 2, set()),
        (3, 2, {"layer 2"}),
    ],
)
def test_one_layer_more_is_trained_every_few_epochs(
    trainer: Make, docs: Make, tmp_path: Path, epochs: int, each: int, expected: set[str]
) -> None:
    model = make(docs)
    before = copy(model)
    settings: dict[str, Any] = {
        "epochs": epochs,
        "evaluate_every": epochs,
        "average": None,
        "unfreezing": Unfreezing(epochs_per_layer=each),
    }
    small = trainer(corpora=[Corpus(train=docs(4), dev=docs(2, seed=1))])
    Trainer(model, corpora=small.corpora, optimizer=Adam(rate=0.01), cpu=True, console=small.console, **settings).fit(
        tmp_path
    )
    assert moved(model, before) == {"tags", "sents"} | expected
    assert all(p.requires_grad for p in model.parameters())


def test_a_layer_has_the_rate_of_its_depth(docs: Make) -> None:
    model, spec, unfreezing = make(docs), SGD(rate=0.5), Unfreezing(decay=2.0)
    optimizer = spec.build(model, layered=True)
    for _ in range(2):
        spec.adjust(optimizer, Step([], ("tags", "sents")), {"encoder": 0.1, "tags": 2.0}, epoch=0, progress=0.5)
        unfreezing.adjust(optimizer)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in model.encoder.named_parameters():
        assert rates[id(parameter)] == pytest.approx(0.05 * 2.0 ** ((model.encoder.layer_of(name) or 0) - 2))
    assert {rates[id(p)] for p in model.nodes["tags"].parameters()} == {1.0}
    assert {rates[id(p)] for p in model.nodes["sents"].parameters()} == {0.5}
    assert len(rates) == len(list(model.parameters()))


def test_the_top_is_the_highest_layer_that_a_task_reads(docs: Make) -> None:
    model = make(docs, top=1, depth=3)
    groups = Adam(weight_decay=0.1).build(model, layered=True).param_groups
    below = {id(p): group.get("below") for group in groups for p in group["params"]}
    names = {name: below[id(p)] for name, p in model.encoder.named_parameters()}
    assert {(model.encoder.layer_of(name), n) for name, n in names.items()} == {(0, 1), (1, 0), (2, 0), (3, 0)}
    assert {below[id(p)] for p in model.nodes.parameters()} == {None}
    mixed = TaskGraph(encoder=model.graph.encoder).add(Tagging("tags", layer=Mix(layers=(1, 2))))
    groups = SGD().build(CascadeModel(mixed).initialize(docs(4)), layered=True).param_groups
    assert [group.get("below") for group in groups] == [0, 1, 2, None]


def test_an_encoder_without_trained_layers(docs: Make) -> None:
    model = make(docs)
    model.encoder.requires_grad_(False)
    with pytest.raises(TrainingError, match="unfreezing= unfreezes layers of the encoder, but none of them is trained"):
        SGD().build(model, layered=True)


def test_what_was_not_trained_before_stays_so(docs: Make) -> None:
    model, unfreezing = make(docs), Unfreezing()
    fixed = next(iter(model.encoder.parameters())).requires_grad_(False)
    optimizer = SGD().build(model, layered=True)
    unfreezing.freeze(optimizer, 0)
    assert not any(p.requires_grad for p in model.encoder.parameters())
    unfreezing.freeze(optimizer, 9)
    unfreezing.release(optimizer)
    assert [p is fixed for p in model.encoder.parameters()] == [not p.requires_grad for p in model.encoder.parameters()]


def test_settings_that_make_no_sense() -> None:
    assert Unfreezing(epochs_per_layer=0, decay=0.0).problems() == [
        "epochs_per_layer= has to be 1 or more, got 0",
        "decay= has to be above 0, got 0.0",
    ]
