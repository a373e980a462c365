"""Cascades whose tasks condition the encoder: passes, gradients, training, saving, configs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from confection import Config
from spacy.tokens import Doc
from spacy.vocab import Vocab

from cascade import registry, storage
from cascade.errors import ConfigError, GraphError, ModelError
from cascade.graph import Hidden, Labels, Mix, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import State, Transformer
from cascade.nn.encoders.transformer import TransformerEncoder
from cascade.nn.sharing import Bottleneck, ConditionalNorm, Conditioning, HyperNetwork, LowRank, SelectiveDropout
from cascade.tasks import Entailment, Tagging, TextClassification
from cascade.training.transformers import save_transformer
from tests.toys import pair_of

VOCAB = Vocab()
TASKS = ("low", "high")
SCHEMES: list[Conditioning] = [
    Bottleneck(tasks=TASKS, reduction=3),
    LowRank(tasks=TASKS, rank=2, alpha=3.0),
    HyperNetwork(tasks=TASKS, reduction=4, size=6, hidden=5),
    ConditionalNorm(tasks=TASKS, train_body=True),
    SelectiveDropout(tasks=TASKS, share=0.7, seed=3),
]
schemes = pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: type(scheme).__name__)


def doc(text: str, cut: int | None = None) -> Doc:
    words = text.split()
    made = Doc(VOCAB, words=words, tags=["XY"[len(word) % 2] for word in words])
    if cut is None:
        made.cats = {"odd": float(len(words) % 2), "even": float(len(words) % 2 == 0)}
    else:
        pair_of(made, cut, 0).cats.update({"ENTAILMENT": 1.0, "NEUTRAL": 0.0, "CONTRADICTION": 0.0})
    return made


DOCS = [doc("the cat naps on a mat"), doc("a b"), doc("catting is for cats")]


def graph_of(folder: str, scheme: Conditioning | None, **settings: Any) -> TaskGraph:
    """Two tasks that may be conditioned, and two that are not."""
    calm = {"attention_dropout": 0.0, "hidden_dropout": 0.0}
    spec = Transformer(folder, bf16=False, conditioning=scheme, **{**calm, **settings})
    graph = TaskGraph(encoder=spec)
    graph.add(Tagging("low", layer=1, hidden=5, dropout=0.0))
    graph.add(TextClassification("high", layer=2, hidden=5, dropout=0.0), after={"low": [Labels(convert="mean")]})
    graph.add(Tagging("plain", layer=Mix(), hidden=5, dropout=0.0), after={"low": [Hidden()]})
    return graph.add(Tagging("bare", layer=2, hidden=5, dropout=0.0))


def model_of(folder: str, scheme: Conditioning | None, **settings: Any) -> CascadeModel:
    return CascadeModel(graph_of(folder, scheme, **settings)).initialize(DOCS)


class Watch:
    """Counts layers that are computed, by condition, and how often words are cut into pieces."""

    def __init__(self, model: CascadeModel) -> None:
        self.layers: Counter[tuple[str | None, int]] = Counter()
        self.featured = 0
        encoder: Any = model.encoder
        features, step = encoder.features, encoder.step

        def watched_features(texts: Any) -> Any:
            self.featured += 1
            return features(texts)

        def watched_step(state: State) -> State:
            self.layers[state.condition, len(state.layers)] += 1
            return step(state)  # type: ignore[no-any-return]

        encoder.features, encoder.step = watched_features, watched_step


def states_of(model: CascadeModel) -> dict[str, torch.Tensor]:
    """What every node reads of the encoder, tasks' own decoders aside."""
    found = {}
    batch = model.eval().batch(DOCS)
    ways = {name: model._way(name) for name in model.graph.names()}
    with torch.no_grad():
        ascents = model._ascents(batch, model.graph.order(), set())
        for name, way in ways.items():
            ascents[way].climb(2, batch.rows["token"].alive)
            found[name] = ascents[way].read(2)
    return found


def losses_of(model: CascadeModel, *tasks: str) -> torch.Tensor:
    batch = model.train().batch(DOCS, targets=tasks)
    return torch.stack(list(model.losses(batch, tasks).values())).sum()


# One pass for each view and condition.


@pytest.mark.parametrize(
    ("tasks", "layers"),
    [
        (None, {("low", 1), ("high", 1), ("high", 2), (None, 1), (None, 2)}),
        (["low"], {("low", 1)}),
        (["high"], {("low", 1), ("high", 1), ("high", 2)}),
        (["bare"], {(None, 1), (None, 2)}),
        (["plain", "bare"], {("low", 1), (None, 1), (None, 2)}),
    ],
)
def test_every_condition_is_one_pass_and_a_subset_runs_its_own(
    tasks: list[str] | None, layers: set[tuple[str | None, int]], tiny_bert: str
) -> None:
    model = model_of(tiny_bert, Bottleneck(tasks=TASKS))
    watch = Watch(model)
    model.predict(DOCS, tasks=tasks)
    assert watch.layers == Counter(dict.fromkeys(layers, 1))
    assert watch.featured == 1


def test_without_conditions_there_is_one_pass(tiny_bert: str) -> None:
    model = model_of(tiny_bert, None)
    watch = Watch(model)
    model.predict(DOCS)
    assert watch.layers == Counter({(None, 1): 1, (None, 2): 1})


def test_a_condition_has_a_pass_in_each_of_its_views(tiny_bert: str) -> None:
    spec = Transformer(tiny_bert, bf16=False, conditioning=Bottleneck(tasks=("joint",)))
    graph = TaskGraph(encoder=spec).add(Tagging("tag", layer=1))
    graph.add(Entailment("joint", layer=2, view="together")).add(Entailment("other", layer=2, view="together"))
    pairs = [doc("a b c d", 2), doc("the cat mat", 1)]
    model = CascadeModel(graph).initialize(pairs)
    watch = Watch(model)
    model.predict(pairs)
    assert watch.layers == Counter(
        dict.fromkeys([(None, 1), ("joint", 1), ("joint", 2), (None, 2)], 1) | {(None, 1): 2}
    )


# Training.


@schemes
def test_training_moves_the_tasks_apart_and_leaves_the_others(scheme: Conditioning, tiny_bert: str) -> None:
    model = model_of(tiny_bert, scheme)
    before = states_of(model)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    for _ in range(2):  # the first step moves what begins as 0, and only then does the rest matter
        optimizer.zero_grad()
        losses_of(model, "low", "high").backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    after = states_of(model)
    assert not torch.equal(after["low"], after["high"])
    assert not torch.equal(after["low"], before["low"])
    assert not torch.equal(after["high"], before["high"])
    assert torch.equal(after["plain"], after["bare"])
    assert torch.equal(after["plain"], before["plain"]) != scheme.train_body


def test_gradient_reaches_the_adapters_of_the_task_and_of_those_upstream(tiny_bert: str) -> None:
    model = model_of(tiny_bert, Bottleneck(tasks=TASKS))
    for task, expected in (("low", {"low"}), ("high", {"low", "high"}), ("plain", {"low"}), ("bare", set())):
        model.zero_grad(set_to_none=True)
        losses_of(model, task).backward()  # type: ignore[no-untyped-call]
        names = [name for name, p in model.encoder.named_parameters() if p.grad is not None]
        assert {name.split(".")[2] for name in names} == expected


# Saving, and configs.


@schemes
@pytest.mark.parametrize("fixed", [False, True])
def test_a_saved_model_is_the_same(scheme: Conditioning, fixed: bool, tiny_bert: str, tmp_path: Path) -> None:
    if fixed and scheme.train_body:
        pytest.skip("a body that is trained is saved")
    model = model_of(tiny_bert, scheme, fixed_body=fixed)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    storage.save(model, tmp_path / "model")
    again = storage.load(tmp_path / "model")
    assert again.graph.encoder == model.graph.encoder
    for one, other in zip(model.predict(DOCS), again.predict(DOCS), strict=True):
        for task in one:
            assert all(np.array_equal(values, other[task][key]) for key, values in one[task].items())
    assert any(name.startswith("encoder.blocks") for name in again.state_dict()) != fixed


@schemes
def test_a_graph_survives_its_config(scheme: Conditioning, tiny_bert: str) -> None:
    graph = graph_of(tiny_bert, scheme)
    config = registry.graph_to_config(graph)
    assert config["encoder"]["conditioning"]["@cascade_conditionings"] == f"cascade.{type(scheme).__name__}.v1"
    text = Config({"graph": config}).to_str()
    assert registry.graph_from_config(Config().from_str(text)["graph"]).encoder == graph.encoder


def test_all_that_is_registered_is_tried_here() -> None:
    names = {f"cascade.{type(scheme).__name__}.v1" for scheme in SCHEMES}
    assert {name for name in registry.conditionings.names() if name.startswith("cascade.")} == names


# What cannot be.


def test_a_task_that_is_not_there(tiny_bert: str) -> None:
    with pytest.raises(GraphError, match="conditioned on the task 'hgih', which is not in the graph: add it, or leave"):
        CascadeModel(graph_of(tiny_bert, LowRank(tasks=("low", "hgih"))))


def test_a_config_with_an_unknown_setting(tiny_bert: str) -> None:
    config = registry.graph_to_config(graph_of(tiny_bert, SCHEMES[0]))
    config["encoder"]["conditioning"]["ratio"] = 4
    with pytest.raises(ConfigError, match="ratio"):
        registry.graph_from_config(config)


def test_transformers_has_no_place_for_it(tiny_bert: str, tmp_path: Path) -> None:
    encoder = model_of(tiny_bert, SCHEMES[0]).encoder
    assert isinstance(encoder, TransformerEncoder)
    with pytest.raises(ModelError, match="no place"):
        save_transformer(encoder, tmp_path / "out")
