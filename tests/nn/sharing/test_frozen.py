"""What tasks have of their own in a transformer whose other tasks are frozen, or have been there before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from cascade.errors import TrainingError
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.sharing import Bottleneck, ConditionalNorm, Conditioning, HyperNetwork, LowRank
from cascade.tasks import TextClassification
from cascade.training import Corpus, Trainer, extend, optimizers
from tests.nn.sharing.test_cascades import DOCS, graph_of, schemes, states_of

DROPOUT = {"attention_dropout": 0.3, "hidden_dropout": 0.3}


def frozen_run(model: CascadeModel, folder: Path, *frozen: str) -> set[str]:
    """Train what is not frozen; gives the names of what has changed."""
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    corpora, quiet = [Corpus(train=DOCS, dev=DOCS)], Console(quiet=True)
    settings = {"optimizer": optimizers.Adam(rate=0.05), "average": 0.9, "epochs": 2, "cpu": True}
    Trainer(model, corpora=corpora, frozen=frozen, console=quiet, **settings).fit(folder)
    return {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}


@schemes
def test_a_frozen_task_stays_what_it_was(tiny_bert: str, tmp_path: Path, scheme: Conditioning) -> None:
    """The trainer compares weights and outputs bit by bit; low reads the first of two blocks, high the second."""
    model = CascadeModel(graph_of(tiny_bert, scheme, **DROPOUT).closure(["low", "high"])).initialize(DOCS)
    changed = frozen_run(model, tmp_path, "low")
    own = [name for name in changed if name.startswith("encoder.conditioner.")]
    assert any(name.startswith("nodes.high.") for name in changed)
    assert all("high" in name.split(".") for name in own)
    assert bool(own) == any("high" in name.split(".") for name, _ in model.encoder.named_parameters())
    if isinstance(scheme, HyperNetwork):
        assert not own


def test_a_block_above_what_is_frozen_is_trained_with_its_dropout(tiny_bert: str, tmp_path: Path) -> None:
    model = CascadeModel(graph_of(tiny_bert, None, **DROPOUT).closure(["low", "high"])).initialize(DOCS)
    modes: dict[int, set[bool]] = {0: set(), 1: set()}

    def watch(number: int) -> Callable[..., None]:
        def hook(part: torch.nn.Module, *_: Any) -> None:
            if torch.is_grad_enabled():
                modes[number].add(part.training)

        return hook

    for number, block in enumerate(model.encoder.blocks):
        for part in block.modules():
            part.register_forward_hook(watch(number))
    changed = frozen_run(model, tmp_path, "low")
    assert modes == {0: {False}, 1: {True}}
    assert {name.split(".")[2] for name in changed if name.startswith("encoder.")} == {"1"}


def test_a_new_task_brings_adapters_and_leaves_the_old_ones_alone(tiny_bert: str, tmp_path: Path) -> None:
    old = CascadeModel(graph_of(tiny_bert, None, **DROPOUT).closure(["low"])).initialize(DOCS)
    encoder = graph_of(tiny_bert, Bottleneck(tasks=("high",), reduction=4), **DROPOUT).encoder
    graph = TaskGraph(encoder=encoder).add(old.task("low")).add(TextClassification("high", layer=2, hidden=5))
    made = extend(old, graph, [Corpus(train=DOCS)])
    assert all(torch.equal(tensor, made.state_dict()[name]) for name, tensor in old.state_dict().items())
    changed = frozen_run(made, tmp_path, "low")
    assert {name.split(".")[1] for name in changed} == {"conditioner", "high"}
    for before, after in zip(old.predict(DOCS), made.predict(DOCS, tasks=["low"]), strict=True):
        assert (before["low"]["probability"] == after["low"]["probability"]).all()


@schemes
def test_a_task_that_is_appended_leaves_what_the_others_have(tiny_bert: str, scheme: Conditioning) -> None:
    old = CascadeModel(graph_of(tiny_bert, replace(scheme, tasks=("low",))).closure(["low"])).initialize(DOCS)
    for parameter in old.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    made = extend(old, graph_of(tiny_bert, scheme).closure(["low", "high"]), [Corpus(train=DOCS)])
    for before, after in zip(old.predict(DOCS), made.predict(DOCS, tasks=["low"]), strict=True):
        assert (before["low"]["probability"] == after["low"]["probability"]).all()


@pytest.mark.parametrize("train_body", [True, False])
def test_scales_and_shifts_of_a_new_task_begin_as_the_trained_ones(tiny_bert: str, train_body: bool) -> None:
    fixed = {"fixed_body": not train_body}
    old = CascadeModel(graph_of(tiny_bert, None, **fixed).closure(["low"])).initialize(DOCS)
    for parameter in old.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    scheme = ConditionalNorm(tasks=("high",), train_body=train_body)
    made = extend(old, graph_of(tiny_bert, scheme, **fixed).closure(["low", "high"]), [Corpus(train=DOCS)])
    states = states_of(made)
    plain = extend(made, made.graph, [])
    plain.encoder.conditioner = None
    torch.testing.assert_close(states["high"], states_of(plain)["high"])


def test_conditionings_that_would_change_what_old_tasks_say(tiny_bert: str) -> None:
    def graph(**settings: Any) -> TaskGraph:
        return graph_of(tiny_bert, LowRank(**{"tasks": ("low",), **settings})).closure(["low", "high"])

    model = CascadeModel(graph()).initialize(DOCS)
    with pytest.raises(TrainingError, match=r"conditioning\.alpha was 16\.0, is 64\.0"):
        extend(model, graph(alpha=64.0), [Corpus(train=DOCS)])
    with pytest.raises(TrainingError, match=r"conditioned on high, (?s:.*)tasks was \['low'\], is \['high'\]"):
        extend(model, graph(tasks=("high", "low")), [Corpus(train=DOCS)])
    with pytest.raises(TrainingError, match="conditioned on high, which the model has without"):
        extend(model, graph(tasks=("low", "high")), [Corpus(train=DOCS)])
